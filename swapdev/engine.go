package swapdev

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/farswap/farswap/cluster"
	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/internal/memory"
	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/swapdev/journal"
	"github.com/farswap/farswap/swapdev/lenders"
	"github.com/farswap/farswap/swapdev/mover"
	"github.com/farswap/farswap/swapdev/path"
	"github.com/farswap/farswap/swapdev/placement"
	"github.com/farswap/farswap/swapdev/scrubber"
	"github.com/farswap/farswap/swapdev/seal"
	"github.com/farswap/farswap/ublk"
	"github.com/farswap/farswap/verbs"
)

// engine is the device without the block driver. It alone knows all rooms: it makes them,
// and sets the functions by which one reaches another.
type engine struct {
	cfg     Config
	spec    ublk.Spec
	life    *life
	pages   *slabmap.Map
	journal *journal.Journal

	shared *path.Shared
	mu     sync.Mutex // guards queues while they open
	queues []*path.Queue

	transports []*lenders.Transport
	donors     *lenders.Lenders
	cluster    cluster.Source // nil: none

	steering *placement.Steering
	mapper   *placement.Mapper
	tests    *mover.TestMemory
	moves    *mover.Mover
	scrubber *scrubber.Scrubber

	failovers atomic.Uint64
	counting  sync.Mutex // guards census
	census    *slabmap.Census
	locked    memory.LockedMeter // what this process has locked
	probes    probes             // in the kernel; constant once the device is open

	mapping, moving, following, telling, judging, scrubbing task
	over                                                    chan struct{} // closed when the queues have ended
}

// The barrier has a place for each donor.
const _ = uint(path.MaxDonors - lenders.MaxDonors)

// fallbackName is shown by donors where neither user nor machine has a name.
const fallbackName = "device"

// releaseDeadline bounds how long donors are told at the end that their memory is free.
const releaseDeadline = 3 * time.Second

// newEngine takes the transports over, and the life, unless it fails.
func newEngine(cfg Config, l *life, transports []*lenders.Transport, backing *path.BackingFile) (*engine, error) {
	e := &engine{
		cfg: cfg, spec: cfg.spec(), life: l, transports: transports, over: make(chan struct{}),
		journal: &journal.Journal{Log: cfg.Log}, tests: mover.NewTestMemory(),
		probes: noProbes{state: status.ProbesOff, reason: "not opened"},
	}
	if e.spec.Queues > path.MaxQueues {
		return nil, fmt.Errorf("%d queues: at most %d: %w", e.spec.Queues, path.MaxQueues, ErrConfig)
	}
	var err error
	if e.pages, err = slabmap.New(cfg.geometry(), l.memory); err != nil {
		return nil, err
	}
	e.census = e.pages.NewCensus()
	e.wire(backing, l.key)
	return e, nil
}

// wire makes the rooms, from the ground up.
func (e *engine) wire(backing *path.BackingFile, key *seal.Key) {
	cfg := e.cfg
	keys, barrier, notes := path.NewKeyring(cfg.geometry().Slabs()), new(path.Barrier), path.NewNotes()
	e.shared = path.NewShared(path.Config{
		Pages: e.pages, Keys: keys, Barrier: barrier, Backing: backing, Ack: cfg.Ack, Patience: cfg.Patience, OpTimeout: cfg.OpTimeout, Late: cfg.Late,
		Hot: cfg.HotThreshold, Prefetch: !cfg.NoPrefetch, Notes: notes, Key: key, Ended: e.over, Leave: e.leave,
	}, e.spec.Queues)
	e.donors = lenders.New(lenders.Config{
		Device: e.life.device, Server: e.life.server, Generation: uint64(e.life.generation()), Name: deviceName(cfg.Name), SlabSize: cfg.SlabSize,
		Identity: cfg.Identity, Insecure: cfg.Insecure, Accept: cfg.Accept, Transports: e.transports, Journal: e.journal,
		QP:    verbs.QPConfig{Depth: e.qpDepth(), Timeout: cfg.OpTimeout, Spin: cfg.Spin},
		Grace: cfg.Grace,
		Answer: func(donor uint16, req control.Message) (control.Message, error) {
			return answer(e.pages, e.moves.Order, donor, req)
		},
		Left: e.left, Claimed: e.claimed, Renewed: e.renewed, Forsaken: e.forsaken, Joined: e.life.joined,
		Lost:     e.lost,
		Returned: e.returned,
		HasRoom:  func() { e.mapper.Wake() },
	}, cfg.Donors)
	place := placement.Config{
		Pages: e.pages, Keys: keys, Notes: notes, Donors: e.donors, Journal: e.journal, Log: cfg.Log,
		SlabSize: cfg.SlabSize, Backing: backing != nil, Hot: cfg.HotThreshold,
		Policy: cfg.Placement, Judge: cfg.Judge, Period: cfg.Period, ReleaseTests: e.tests.Release,
		OtherDeadline: cfg.otherDeadline,
	}
	e.steering = placement.NewSteering(place)
	e.steering.Source = placement.LinkLatency{Queues: func() []*path.Queue { return e.queues }, Donors: e.donorCount}
	e.mapper = placement.NewMapper(place, e.steering)
	e.moves = mover.New(mover.Config{
		Pages: e.pages, Keys: keys, Barrier: barrier, Notes: notes, Donors: e.donors, Transports: e.transports, Journal: e.journal,
		Steering: e.steering, Placement: place, Log: cfg.Log, SlabSize: cfg.SlabSize, Backing: backing, Key: key,
		OpTimeout: cfg.OpTimeout, TestReads: cfg.testReads(), TestTime: cfg.Period / 2, Ended: e.over,
	}, e.tests)
	e.scrubber = scrubber.New(scrubber.Config{
		Pages: e.pages, Keys: keys, Barrier: barrier, Notes: notes, Backing: backing, Key: key, Donors: e.donors, Transports: e.transports,
		Journal: e.journal, Log: cfg.Log, Hot: cfg.HotThreshold, OpTimeout: cfg.OpTimeout,
	})
	e.steering.Orders = placement.Orders{
		Leave: e.moves.Leave, Test: e.moves.Test, Leaving: e.moves.Leaving, EndTests: e.tests.ReleaseAll,
	}
}

// deviceName is what donors show the device as: the name given, else the machine's.
func deviceName(given string) string {
	if given != "" {
		return given
	}
	name, _ := os.Hostname()
	if !control.ValidName(name) { // "(none)" on a machine that was given no name
		return fallbackName
	}
	return name
}

// qpDepth is the depth of each connection: all requests of a queue at once, reads in
// several parts included, as far as a connection can.
func (e *engine) qpDepth() int { return min(verbs.MaxDepth, 4*e.spec.Depth) }

func (e *engine) donorCount() int { return len(e.donors.All()) }

// OpenQueue implements ublk.Target.
func (e *engine) OpenQueue(b *ublk.Queue) (ublk.Server, error) {
	q, err := path.Open(e.shared, b, e.spec.MaxIO, e.spec.Spare, e.donorCount())
	if err != nil {
		return nil, err
	}
	e.donors.AddQueue(q)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.queues = append(e.queues, q)
	return q, nil
}

// start begins the control work, once the queues are open.
func (e *engine) start(sessions []*control.Session) {
	e.startDonors(func() { e.donors.Start(sessions) })
}

// startDonors begins the control work. donors begins that of the donors.
func (e *engine) startDonors(donors func()) {
	e.telling.start((&teller{e.shared.Notes, e.journal, e.pages, e.donors, e.distrust}).run)
	donors()
	if e.cluster != nil {
		e.follow(e.cluster)
	}
	e.mapping.start(e.mapper.Run)
	e.moving.start(e.moves.Run)
	e.judging.start(e.steering.Run)
	if e.shared.Backing != nil {
		e.scrubbing.start(e.scrubber.Run)
	}
}

// follow uses the donors of a cluster.
func (e *engine) follow(source cluster.Source) {
	e.following.start(func(ctx context.Context) { e.donors.Follow(ctx, source) })
}

// close ends the control work after the queues have ended, gives the donors their memory
// back, and frees the rest.
func (e *engine) close() error {
	close(e.over)
	e.judging.end()
	e.scrubbing.end()
	e.mapping.end()
	e.moving.end()
	e.following.end()
	e.unmapAll()
	e.donors.Close()
	e.telling.end()
	return errors.Join(e.probes.Close(), lenders.CloseTransports(e.transports), e.life.end())
}

// leaveAll ends the control work of a device that stays in the kernel. Donors hear nothing: they keep what
// they have for the next server, as if this process had been killed. It is about to end, and with it its
// connections.
func (e *engine) leaveAll() error {
	close(e.over)
	e.judging.end()
	e.scrubbing.end()
	e.mapping.end()
	e.moving.end()
	e.following.end()
	e.telling.end()
	return e.probes.Close()
}

// lost voids the slabs of a donor that can be used no more. It returns how many, and what
// frees them.
func (e *engine) lost(donor uint16) (slabs int, release func()) {
	failed := placement.Fail(e.pages, donor)
	e.moves.Lost(donor)
	e.failovers.Add(uint64(len(failed)))
	e.scrubber.Lost(donor)
	return len(failed), func() { placement.Release(e.pages, e.journal, e.over, failed) }
}

// distrust puts a donor on probation from which a forged page has come, and has its slabs
// leave it. Without a backing file they stay: whatever was forged would be copied.
func (e *engine) distrust(donor uint16) {
	e.steering.Distrust(donor)
	if e.shared.Backing == nil {
		return
	}
	var slabs []uint32
	for slab := range e.pages.Geometry().Slabs() {
		if placement.Serves(e.pages, slab, donor) {
			slabs = append(slabs, uint32(slab))
		}
	}
	e.moves.Order(donor, slabs, true)
}

// leave ends the use of a queue's buffers by all transports.
func (e *engine) leave(queue int) error {
	var err error
	for _, t := range e.transports {
		err = errors.Join(err, t.Leave(queue))
	}
	return err
}

// unmapAll tells the donors that the device needs their memory no more, so that they need
// not wait for their lease to run out.
func (e *engine) unmapAll() {
	ctx, cancel := context.WithTimeout(context.Background(), releaseDeadline)
	defer cancel()
	for slab := range e.pages.Geometry().Slabs() {
		s := e.pages.Slab(slab)
		if old, ok := e.pages.OldDonor(slab); ok && e.pages.EndMove(slab, s.Epoch) == nil {
			e.unmap(ctx, slab, old)
		}
		if e.pages.BeginDrain(slab, s.Epoch) == nil && e.pages.EndDrain(slab, s.Epoch) == nil {
			e.unmap(ctx, slab, s.Donor)
		}
	}
	e.tests.ReleaseAll(ctx, func(uint16) bool { return true })
}

// unmap tells a donor that the device needs a slab of it no more.
func (e *engine) unmap(ctx context.Context, slab int, donor uint16) {
	session, ok := e.donors.Get(donor).Up()
	if !ok {
		return
	}
	if err := session.Unmap(ctx, uint32(slab)); err != nil {
		e.journal.Warn(status.EventSlabKept, "donor keeps a slab until its lease has run out").
			At(slab).Of("donor", e.donors.Get(donor)).Because(err).Tell()
	}
}
