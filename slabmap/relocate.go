package slabmap

import (
	"cmp"
	"slices"
)

// Held is a slab at a donor.
type Held struct {
	Slab     int
	Donor    uint16
	Activity float64 // page I/Os per second
}

// Relocate names the slabs that are to leave slow donors now, the hottest first: at
// most Rate in a period, less pending, the moves that were ordered before and are not
// done. Slabs below Hot stay, and so does one that was moved twice in ten minutes, or
// that no donor took a minute ago. There is none while every donor is slow.
func (j *Judge) Relocate(slabs []Held, pending int) []Held {
	left := j.config.Rate
	switch {
	case !j.anyWell(func(*judged) bool { return true }):
		return nil
	case !j.anyWell(j.fresh):
		left = 1 // and see how it does there
	}
	left -= max(pending, len(j.ordered))
	var leave []Held
	for _, s := range slabs {
		d := j.donors[s.Donor]
		if d != nil && d.slow && s.Activity >= j.config.Hot && j.movable(s.Slab) {
			leave = append(leave, s)
		}
	}
	slices.SortFunc(leave, func(a, b Held) int {
		return cmp.Or(cmp.Compare(b.Activity, a.Activity), cmp.Compare(a.Slab, b.Slab))
	})
	leave = leave[:min(len(leave), max(left, 0))]
	for _, s := range leave {
		j.ordered[s.Slab] = struct{}{}
	}
	return leave
}

// anyWell reports whether a connected donor that is not slow is as asked for.
func (j *Judge) anyWell(as func(*judged) bool) bool {
	return slices.ContainsFunc(j.here, func(id uint16) bool { return !j.donors[id].slow && as(j.donors[id]) })
}

func (j *Judge) movable(slab int) bool {
	since, refused := j.refused[slab]
	_, ordered := j.ordered[slab]
	return !ordered && len(j.moves[slab]) < maxMoves && (!refused || j.periods-since >= refusalRest)
}

// Moved tells that a slab has moved, for whatever reason.
func (j *Judge) Moved(slab int) {
	j.moves[slab] = append(j.moves[slab], j.now)
	delete(j.refused, slab)
}

// Refused tells that no donor took a slab that was to leave.
func (j *Judge) Refused(slab int) { j.refused[slab] = j.periods }

// forgetMoves forgets what is too long ago to matter.
func (j *Judge) forgetMoves() {
	for slab, at := range j.moves {
		at = slices.DeleteFunc(at, func(t float64) bool { return j.now-t >= moveWindow })
		if j.moves[slab] = at; len(at) == 0 {
			delete(j.moves, slab)
		}
	}
	for slab, since := range j.refused {
		if j.periods-since >= refusalRest {
			delete(j.refused, slab)
		}
	}
}
