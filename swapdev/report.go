package swapdev

import (
	"os"
	"time"

	"github.com/farswap/farswap/internal/inuse"
	"github.com/farswap/farswap/internal/loghist"
	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/status"
)

// snapshotDeadline bounds the wait for the queues' threads, which take part
// between two passes.
const snapshotDeadline = time.Second

// Status describes the device now. Counts of a queue that does not answer
// within a second are missing from it.
func (d *Device) Status() status.Device {
	d.mu.Lock()
	state := d.state
	d.mu.Unlock()
	s := d.engine.report()
	s.ID, s.Path, s.State = d.ID(), d.Path(), state
	s.PID, s.Started, s.Target = os.Getpid(), d.started, "swap"
	s.Ublk = d.ublk.Info().Flags.Names()
	uses, _ := inuse.Find(d.Path()) // unknown counts as unused here; Stop looks again
	for _, u := range uses {
		s.Swap = s.Swap || u.Kind == inuse.Swap
	}
	return s
}

// totals are the sums over the queues.
type totals struct {
	counts  Counts
	latency latencies
	donors  []loghist.Histogram
	slow    []slowRequest
}

func newTotals(donors int) *totals { return &totals{donors: make([]loghist.Histogram, donors)} }

// total asks every queue for its figures, one after the other. What they are
// copied to is made here, not on the queues' threads.
func (e *engine) total() *totals {
	sum := newTotals(len(e.donors.all()))
	deadline := time.After(snapshotDeadline)
	for _, q := range e.queues {
		one, done := newTotals(len(sum.donors)), make(chan struct{})
		one.slow = make([]slowRequest, 0, slowSlots*status.MaxSlowest)
		if !q.loop.Post(func() { q.figures(one); close(done) }) {
			continue
		}
		select {
		case <-done:
			sum.add(one)
		case <-deadline:
			return sum
		case <-e.over:
			return sum
		}
	}
	return sum
}

// figures copies a queue's figures to an empty t, on the queue's thread.
func (q *queue) figures(t *totals) {
	t.counts, t.latency = q.counts, q.latency
	for i := range min(len(q.links), len(t.donors)) {
		t.donors[i] = q.links[i].latency
	}
	t.slow = q.slowest.since(q.loop.Now()-int64(slowFor), t.slow)
}

func (t *totals) add(o *totals) {
	t.counts.add(&o.counts)
	t.latency.add(&o.latency)
	for i := range t.donors {
		t.donors[i].Add(&o.donors[i])
	}
	t.slow = append(t.slow, o.slow...)
}

// report is the device for status, but for what the block device knows.
func (e *engine) report() status.Device {
	g, t := e.pages.Geometry(), e.total()
	s := status.Device{
		Size: g.Size, SlabSize: g.SlabSize, Ack: string(e.cfg.Ack),
		Transport: e.inUse(), TransportSetting: e.cfg.Transport,
		IO:      t.counts.IO,
		Latency: status.Latency{Read: quantiles(&t.latency[ofRead]), Write: quantiles(&t.latency[ofWrite])},
		Backing: e.cfg.Backing, BackingOK: t.counts.BackingErrors == 0,
		Queues: e.spec.Queues, Depth: e.spec.Depth, MaxIO: e.spec.MaxIO, Insecure: e.cfg.Insecure,
		At: time.Now(), Events: e.journal.last(), Histograms: t.latency.report(), Slowest: e.reportSlowest(t.slow),
	}
	s.IO.Failovers = e.failovers.Load()
	s.IO.Corrupt += e.moves.corrupt.Load()
	moves := e.moves.totals()
	s.Moves = status.Moves{Slabs: moves.moved, Dropped: moves.dropped, Slow: moves.slow, Pages: moves.pages, Last: int64(moves.last), Drained: int64(moves.drained)}
	s.Placement, s.Decisions = e.cfg.Placement, e.decisions(e.steering.log.all())
	s.Memory.SetPerPage(int64(slabmap.MemoryNeeded(g)), g.Size, slabmap.PageSize)
	arena := int64(e.spec.Depth+e.spec.Spare) * int64(e.spec.MaxIO)
	s.Memory.Locked = int64(len(e.memory)) + int64(e.spec.Queues)*arena

	donors, holds := e.donors.all(), e.holds()
	for i, d := range donors[:len(t.donors)] { // there may be more since
		r := d.report()
		r.Slabs, r.Latency = holds[i], quantiles(&t.donors[i])
		v := e.steering.verdict(d.id)
		r.P99, r.Baseline, r.Slow = v.P99, v.Baseline, v.Slow
		s.Donors = append(s.Donors, r)
	}
	e.reportSlabs(&s)
	e.reportProbes(&s)
	e.reportHealth(&s)
	return s
}

func (e *engine) reportSlabs(s *status.Device) {
	e.counting.Lock()
	defer e.counting.Unlock()
	g := e.pages.Geometry()
	s.Slabs = make([]status.Slab, 0, g.Slabs())
	for i := range g.Slabs() {
		slab, places := e.pages.Slab(i), e.census.Slab(i)
		first, end := g.PageRange(i)
		r := status.Slab{
			Index: i, State: slab.State.String(), Activity: e.pages.Activity(i),
			RemotePages: places.Remote + places.Both, Pages: end - first,
		}
		if holds(slab) && int(slab.Donor) < len(s.Donors) {
			r.Donor = s.Donors[slab.Donor].Name
		}
		s.Slabs = append(s.Slabs, r)
		s.Pages.Remote += places.Remote
		s.Pages.Backing += places.Backing
		s.Pages.Both += places.Both
		s.Pages.None += places.None
		s.Pages.Lost += places.Lost
	}
}

// reportHealth says whether the device serves with less safety than was asked
// for.
func (e *engine) reportHealth(s *status.Device) {
	up := 0
	for _, d := range s.Donors {
		if d.State == string(donorUp) {
			up++
		}
	}
	switch {
	case s.Pages.Lost > 0:
		s.Degraded, s.Reason = true, "pages are lost: no copy of them is left"
	case !s.BackingOK:
		s.Degraded, s.Reason = true, "the backing file failed: pages may be at a donor only"
	case up == 0:
		s.Degraded, s.Reason = true, "no donor is connected: the backing file serves all"
	case up < len(s.Donors):
		s.Degraded, s.Reason = true, "a donor is not connected"
	}
}
