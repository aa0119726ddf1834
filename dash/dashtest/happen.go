package dashtest

import (
	"fmt"
	"time"

	"github.com/farswap/farswap/status"
)

// Seconds of a period at which events begin and end, and the donors that they are about.
const (
	slowFrom, slowTo = 60 * time.Second, 110 * time.Second
	wantFrom, wantTo = 120 * time.Second, 135 * time.Second
	lostFrom, lostTo = 150 * time.Second, 155 * time.Second

	slowOne = 1 // index in Names of the donor that gets slow
	wantOne = 2 // of the one that wants slabs back
	lostOne = 0 // of the one that is lost

	maxList = 200 // events and decisions listed
	maxSlow = 20  // slow pages
)

func (w *World) phase() time.Duration { return w.now.Sub(w.started) % period }

func (w *World) wants(i int) bool {
	p := w.phase()
	return i == wantOne && p >= wantFrom && p < wantTo
}

// happen does what happens between two moments of a period.
func (w *World) happen(from, to time.Duration) {
	within := func(at time.Duration) bool { return from < at && at <= to }
	every := func(first, last, step time.Duration) bool {
		for at := first; at < last; at += step {
			if within(at) {
				return true
			}
		}
		return false
	}
	for i := range w.slabs { // a move that an earlier step began is done
		if w.slabs[i].state == "migrating" && w.rand.IntN(2) == 0 {
			w.slabs[i].state = "mapped"
		}
	}
	if within(slowFrom + 3*time.Second) {
		w.donors[slowOne].slow = true
		w.event("warn", "donor-slow", -1, Names[slowOne], "p99 of 412µs is 10.8 times its baseline")
	}
	if within(slowTo) {
		w.donors[slowOne].slow = false
	}
	if every(slowFrom+5*time.Second, slowTo, 4*time.Second) {
		to := w.emptiest(slowOne)
		w.move(slowOne, to, "slow-donor", fmt.Sprintf("p99 of %s 412µs, of %s 36µs", Names[slowOne], Names[to]))
	}
	if every(wantFrom, wantTo, 3*time.Second) {
		w.evict()
	}
	if within(lostFrom) {
		w.donors[lostOne].state = "down"
		n := 0
		for i := range w.slabs {
			if s := &w.slabs[i]; s.donor == lostOne {
				s.donor, s.state, s.remote = -1, "unmapped", 0
				n++
			}
		}
		w.device.IO.Failovers += uint64(n)
		w.event("error", "donor-lost", -1, Names[lostOne], fmt.Sprintf("connection reset; its %d slabs are served by the backing file", n))
	}
	if within(lostTo) {
		w.donors[lostOne].state = "up"
		w.event("info", "donor-up", -1, Names[lostOne], "donor is connected over rdma")
	}
	if every(lostTo+time.Second, period, 500*time.Millisecond) || every(0, 30*time.Second, time.Second) {
		for range 4 {
			w.remap()
		}
	}
}

// emptiest returns the connected donor with the fewest slabs, but not the given one.
func (w *World) emptiest(but int) int {
	held := [len(Names)]int{}
	for i := range w.slabs {
		if w.slabs[i].donor >= 0 {
			held[w.slabs[i].donor]++
		}
	}
	best := -1
	for i := range w.donors {
		if i != but && w.donors[i].state == "up" && (best < 0 || held[i] < held[best]) {
			best = i
		}
	}
	return best
}

// hottest returns the most active slab of a donor, or -1 if it has none.
func (w *World) hottest(of int) int {
	best := -1
	for i := range w.slabs {
		if s := &w.slabs[i]; s.donor == of && s.state == "mapped" && (best < 0 || s.activity > w.slabs[best].activity) {
			best = i
		}
	}
	return best
}

// move moves the hottest slab of a donor to another.
func (w *World) move(from, to int, rule, why string) {
	i := w.hottest(from)
	if i < 0 || to < 0 {
		return
	}
	s := &w.slabs[i]
	s.donor, s.state = to, "migrating"
	took := int64(180+w.rand.IntN(400)) * int64(time.Millisecond)
	w.device.Moves.Slabs++
	w.device.Moves.Pages += uint64(s.remote)
	w.device.Moves.Last = took
	w.decide(status.Decision{Slab: i, From: Names[from], To: Names[to], Rule: rule, Why: why, Took: took, Figures: w.figures(to, from)})
	w.event("info", "slab-moved", i, Names[to], fmt.Sprintf("from %s in %s", Names[from], time.Duration(took)))
}

// evict makes a donor take three slabs back: two move, and one is dropped.
func (w *World) evict() {
	o := &w.donors[wantOne]
	for range 2 {
		w.move(wantOne, w.emptiest(wantOne), "given-back", "mem3 is short of memory: 3.0G of 4.0G headroom left")
		o.evictions++
	}
	for i := range w.slabs {
		if s := &w.slabs[i]; s.donor == wantOne && s.state == "mapped" {
			s.donor, s.state, s.remote = -1, "unmapped", 0
			o.evictions++
			w.device.Moves.Dropped++
			w.decide(status.Decision{Slab: i, From: Names[wantOne], Rule: "given-back", Why: "no other donor has room", Figures: w.figures(wantOne)})
			w.event("warn", "slab-dropped", i, Names[wantOne], "served by the backing file: no other donor has room")
			break
		}
	}
	o.last = &status.DonorEviction{
		At: w.now, Device: "db1", Identity: "db1", Slabs: 3, Bytes: 3 * slabSize, Why: "headroom",
		Choosing: 1_100_000, Asking: 400_000, Returning: 640_000_000, Freeing: 5_200_000,
	}
}

// remap maps a used slab that is on no donor.
func (w *World) remap() {
	for i := range slabs * 3 / 4 {
		if s := &w.slabs[i]; s.donor < 0 {
			to := w.emptiest(-1)
			s.donor, s.state, s.remote = to, "mapped", slabPages/8
			w.decide(status.Decision{Slab: i, To: Names[to], Rule: "emptier", Why: Names[to] + " has the most memory free", Took: 3_000_000, Figures: w.figures(to)})
			w.event("info", "slab-mapped", i, Names[to], "its activity was above the threshold")
			return
		}
	}
}

func (w *World) figures(donors ...int) []status.DonorFigures {
	f := []status.DonorFigures{}
	for _, i := range donors {
		f = append(f, status.DonorFigures{Donor: Names[i], Free: 0.4, P99: w.donors[i].p99, Baseline: 38_000, Slow: w.donors[i].slow})
	}
	return f
}

func (w *World) event(level, kind string, slab int, donor, text string) {
	e := &w.device.Events
	seq := uint64(1)
	if n := len(*e); n > 0 {
		seq = (*e)[n-1].Seq + 1
	}
	*e = append(*e, status.Event{Seq: seq, At: w.now, Level: level, Kind: kind, Slab: slab, Donor: donor, Text: text})
	*e = (*e)[max(0, len(*e)-maxList):]
}

func (w *World) decide(d status.Decision) {
	l := &w.device.Decisions
	d.Seq, d.At = 1, w.now
	if n := len(*l); n > 0 {
		d.Seq = (*l)[n-1].Seq + 1
	}
	*l = append(*l, d)
	*l = (*l)[max(0, len(*l)-maxList):]
}
