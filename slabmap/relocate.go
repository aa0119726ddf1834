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

// Relocate names the slabs that should leave slow donors now, the hottest first. It names at most Rate in a
// period, minus pending, the number of ordered moves under way. It does not name slabs below Hot, slabs that
// moved twice in ten minutes, and slabs that no donor took within the last minute. While every donor is slow
// it names none.
func (j *Judge) Relocate(slabs []Held, pending int) []Held {
	left := j.config.Rate
	switch {
	case !j.anyWell(func(*judged) bool { return true }):
		return nil
	case !j.anyWell(j.fresh):
		left = 1 // one slab tries how the other donors do
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

// anyWell reports whether as holds for a connected donor that is not slow.
func (j *Judge) anyWell(as func(*judged) bool) bool {
	return slices.ContainsFunc(j.here, func(id uint16) bool { return !j.donors[id].slow && as(j.donors[id]) })
}

func (j *Judge) movable(slab int) bool {
	since, refused := j.refused[slab]
	_, ordered := j.ordered[slab]
	return !ordered && len(j.moves[slab]) < maxMoves && (!refused || j.periods-since >= refusalRest)
}

// Moved tells the judge that a slab has moved, for whatever reason.
func (j *Judge) Moved(slab int) {
	j.moves[slab] = append(j.moves[slab], j.now)
	delete(j.refused, slab)
}

// Refused tells the judge that no donor took a slab that Relocate had named.
func (j *Judge) Refused(slab int) { j.refused[slab] = j.periods }

// forgetMoves forgets moves and refusals that no longer matter.
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
