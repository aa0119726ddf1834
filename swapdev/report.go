package swapdev

import (
	"fmt"
	"time"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/internal/loghist"
	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/swapdev/lenders"
	"github.com/farswap/farswap/swapdev/path"
	"github.com/farswap/farswap/swapdev/placement"
)

// snapshotDeadline bounds the wait for the queues' threads, which take part
// between two passes.
const snapshotDeadline = time.Second

// reportCertificate is the certificate of an identity, which may be nil.
func reportCertificate(id *control.Identity, now time.Time) *status.Certificate {
	if id == nil {
		return nil
	}
	i, stated := id.Describe()
	return &status.Certificate{
		Name: i.Name, Serial: i.Serial, Roles: control.JoinRoles(i.Roles, "+"), RolesStated: stated,
		NotAfter: i.NotAfter, SecondsLeft: int64(i.NotAfter.Sub(now).Seconds()),
	}
}

// report is the device for status, but for what the block device knows.
func (e *engine) report() status.Device {
	g, t := e.pages.Geometry(), e.total()
	s := status.Device{
		Size: g.Size, SlabSize: g.SlabSize, Ack: string(e.cfg.Ack),
		Transport: e.donors.Transports(), TransportSetting: e.cfg.Transport,
		IO:      t.Counts.IO,
		Latency: status.Latency{Read: quantiles(t.Latency.Reads()), Write: quantiles(t.Latency.Writes())},
		Sealed:  e.cfg.Seal == SealOn, Backing: e.cfg.Backing, BackingOK: e.shared.Backing.Works(),
		Queues: e.spec.Queues, Depth: e.spec.Depth, MaxIO: e.spec.MaxIO, Insecure: e.cfg.Insecure,
		At: time.Now(), Events: e.journal.Last(), Histograms: t.Latency.Report(), Slowest: path.ReportSlowest(t.Slow, e.pages.SlabOf, func(id uint16) string { return e.donors.Get(id).Title() }),
	}
	s.Certificate = reportCertificate(e.cfg.Identity, s.At)
	s.IO.Failovers = e.failovers.Load()
	s.DonorsIgnored = e.donors.Ignored()
	s.Generation = e.life.generation()
	s.IO.Corrupt += e.moves.Corrupt.Load()
	s.IO.Forged += e.moves.Forged.Load()
	moves := e.moves.Totals()
	s.Moves = status.Moves{Slabs: moves.Moved, Dropped: moves.Dropped, Slow: moves.Slow, Pages: moves.Pages, Last: int64(moves.Last), Drained: int64(moves.Drained)}
	s.Placement, s.Decisions = e.cfg.Placement, e.decisions(e.steering.Decisions.All())
	s.Memory.SetPerPage(int64(slabmap.MemoryNeeded(g)), g.Size, slabmap.PageSize)
	e.reportLocked(&s.Memory)

	donors, holds := e.donors.All(), e.holds()
	for i, d := range donors[:len(t.Donors)] { // there may be more since
		r := d.Report()
		r.Slabs, r.Latency = holds[i], quantiles(&t.Donors[i])
		v := e.steering.Verdict(d.ID())
		r.P99, r.Baseline, r.Slow = v.P99, v.Baseline, v.Slow
		s.Donors = append(s.Donors, r)
	}
	if e.shared.Backing != nil {
		s.Scrub = e.scrubber.Report()
	}
	e.reportSlabs(&s)
	e.reportProbes(&s)
	e.reportHealth(&s)
	return s
}

// total asks every queue for its figures.
func (e *engine) total() *path.Figures {
	return path.Sum(e.queues, e.donorCount(), time.After(snapshotDeadline))
}

// holds counts the slabs on each donor.
func (e *engine) holds() []int { return placement.Count(e.pages, e.donorCount()) }

func quantiles(h *loghist.Histogram) status.Quantiles {
	return status.Quantiles{P50: h.Quantile(0.5), P99: h.Quantile(0.99), P999: h.Quantile(0.999)}
}

// decisions are those for status.
func (e *engine) decisions(list []placement.Decision) []status.Decision {
	return placement.Report(list, func(id uint16) string { return e.donors.Get(id).Report().Name })
}

// slabDecisions are the last decisions about a slab. The error wraps status.ErrInvalid.
func (e *engine) slabDecisions(slab int) ([]status.Decision, error) {
	if n := e.pages.Geometry().Slabs(); slab < 0 || slab >= n {
		return nil, fmt.Errorf("slab %d: %w: the device has slabs 0 to %d", slab, status.ErrInvalid, n-1)
	}
	return e.decisions(e.steering.Decisions.Of(slab)), nil
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
		if placement.Holds(slab) && int(slab.Donor) < len(s.Donors) {
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
	up, suspended := 0, 0
	for _, d := range s.Donors {
		switch d.State {
		case string(lenders.StateUp):
			up++
		case string(lenders.StateSuspended):
			suspended++
		}
	}
	switch {
	case s.Pages.Lost > 0:
		s.Degraded, s.Reason = true, "pages are lost: no copy of them is left"
	case !s.BackingOK:
		s.Degraded, s.Reason = true, "the backing file fails: pages may be at a donor only"
	case s.Scrub.Lacking > 0:
		s.Degraded, s.Reason = true, "pages are at a donor only, and not in the backing file yet"
	case suspended > 0:
		s.Degraded, s.Reason = true, "a connection to a donor is broken; its slabs wait for it to come back"
	case up == 0:
		s.Degraded, s.Reason = true, "no donor is connected: the backing file serves all"
	case up < len(s.Donors):
		s.Degraded, s.Reason = true, "a donor is not connected"
	}
}
