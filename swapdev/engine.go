package swapdev

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"

	"github.com/farswap/farswap/cluster"
	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/offheap"
	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/ublk"
	"github.com/farswap/farswap/verbs"
)

// engine is the device without the block driver: the state that all share,
// the queues, the donors and the mapper.
type engine struct {
	shared
	cfg       Config
	spec      ublk.Spec
	uuid      control.UUID
	name      string
	memory    []byte // of the map
	donors    roster
	journal   journal
	failovers atomic.Uint64

	naming sync.Mutex // held while a donor claims its name; taken before donor.mu
	mu     sync.Mutex // guards queues while they open
	queues []*queue

	moves    *mover
	steering *steering
	tests    *testMemory

	counting sync.Mutex // guards census
	census   *slabmap.Census

	probes probes // in the kernel; constant once the device is open

	cluster                             cluster.Source // nil: none
	mapping, moving, following, lending task           // the mapper; the mover; the cluster; the donors
	telling                             task           // what queues have noted
	judging                             task           // of donors
	over                                chan struct{}  // closed when the queues have ended
}

// fallbackName is shown by donors where neither user nor machine has a name.
const fallbackName = "device"

// newEngine takes the transports over, unless it fails.
func newEngine(cfg Config, transports []*transport, local *backing) (*engine, error) {
	name := cfg.Name
	if name == "" {
		name, _ = os.Hostname()
		if !control.ValidName(name) { // "(none)" on a machine that was given no name
			name = fallbackName
		}
	}
	e := &engine{cfg: cfg, spec: cfg.spec(), uuid: control.NewUUID(), name: name, over: make(chan struct{})}
	e.journal.log = cfg.Log
	e.probes = noProbes{state: status.ProbesOff, reason: "not opened"}
	e.shared = shared{
		transports: transports, keys: newKeyring(cfg.geometry().Slabs()), progress: make([]progress, e.spec.Queues),
		backing: local, ack: cfg.Ack, patience: int64(cfg.Patience), hot: cfg.HotThreshold, prefetch: !cfg.NoPrefetch, events: newEvents(),
	}
	if e.spec.Queues > maxQueues {
		return nil, fmt.Errorf("%d queues: at most %d: %w", e.spec.Queues, maxQueues, ErrConfig)
	}
	var err error
	e.memory, err = offheap.Map(slabmap.MemoryNeeded(cfg.geometry()), offheap.Options{Huge: true, Lock: true})
	if err != nil {
		return nil, fmt.Errorf("page states: %w", err)
	}
	if e.pages, err = slabmap.New(cfg.geometry(), e.memory); err != nil {
		return nil, errors.Join(err, offheap.Unmap(e.memory))
	}
	e.census = e.pages.NewCensus()
	e.steering, e.tests = newSteering(e), newTestMemory()
	e.moves = newMover(e)
	for _, address := range cfg.Donors {
		e.addDonor(address)
	}
	return e, nil
}

// OpenQueue implements ublk.Target.
func (e *engine) OpenQueue(q *ublk.Queue) (ublk.Server, error) { return e.open(q) }

func (e *engine) open(f front) (ublk.Server, error) {
	q, err := openQueue(&e.shared, f, e.spec.MaxIO, e.spec.Spare, len(e.donors.all()))
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.queues = append(e.queues, q)
	return q, nil
}

// reach dials every donor once. It fails when none can be used, with the
// reasons.
func (e *engine) reach(ctx context.Context) ([]*control.Session, error) {
	donors := e.donors.all()
	sessions, errs := make([]*control.Session, len(donors)), make([]error, len(donors))
	var wg sync.WaitGroup
	for i, d := range donors {
		wg.Go(func() { sessions[i], errs[i] = d.dial(ctx) })
	}
	wg.Wait()
	usable := false
	for i, d := range donors {
		if errs[i] == nil && d.report().Free < e.cfg.SlabSize {
			errs[i] = fmt.Errorf("donor %s has %d bytes to lend to this device, a slab takes %d: give it more --memory or a larger quota (--allow), or the device a smaller --slab: %w",
				d.address, d.report().Free, e.cfg.SlabSize, ErrNoDonor)
		}
		if errs[i] == nil {
			errs[i] = e.offers(d.address, sessions[i])
		}
		if errs[i] == nil {
			errs[i] = sessions[i].Err() // the donor is listed twice, and the later session has ended this one
		}
		if errs[i] == nil {
			errs[i] = d.claim(sessions[i])
		}
		usable = usable || errs[i] == nil
		if errs[i] != nil && sessions[i] != nil {
			_ = sessions[i].Close()
			sessions[i] = nil
		}
	}
	if usable {
		for i, err := range errs {
			if err != nil {
				donors[i].unusable(err)
			}
		}
		return sessions, nil
	}
	return nil, fmt.Errorf("%w: %w", ErrNoDonor, oneLine(errs))
}

// start begins the control work, once the queues are open.
func (e *engine) start(sessions []*control.Session) {
	e.telling.start(e.tellNotes)
	e.lend(sessions)
	if e.cluster != nil {
		e.following.start(e.follow)
	}
	e.mapping.start(newMapper(e).run)
	e.moving.start(e.moves.run)
	e.judging.start(e.steering.run)
}

// close ends the control work after the queues have ended, gives the donors
// their memory back, and frees the rest.
func (e *engine) close() error {
	close(e.over)
	e.judging.end()
	e.mapping.end()
	e.moving.end()
	e.following.end()
	e.unmapAll()
	e.lending.end()
	e.telling.end()
	return errors.Join(e.probes.Close(), closeTransports(e.transports), offheap.Unmap(e.memory))
}

// task is a group of goroutines that end together.
type task struct {
	wg      sync.WaitGroup
	cancels []context.CancelFunc
}

func (t *task) start(f func(context.Context)) {
	ctx, cancel := context.WithCancel(context.Background())
	t.cancels = append(t.cancels, cancel)
	t.wg.Go(func() { f(ctx) })
}

func (t *task) end() {
	for _, cancel := range t.cancels {
		cancel()
	}
	t.wg.Wait()
}

// unmapAll tells the donors that the device needs their memory no more, so
// that they need not wait for their lease to run out.
func (e *engine) unmapAll() {
	ctx, cancel := context.WithTimeout(context.Background(), mapDeadline)
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
	e.tests.releaseAll(ctx, func(uint16) bool { return true })
}

// unmap tells a donor that the device needs a slab of it no more.
func (e *engine) unmap(ctx context.Context, slab int, donor uint16) {
	session, ok := e.donors.get(donor).up()
	if !ok {
		return
	}
	if err := session.Unmap(ctx, uint32(slab)); err != nil {
		e.journal.warn(status.EventSlabKept, "donor keeps a slab until its lease has run out").
			at(slab).of("donor", e.donors.get(donor)).because(err).tell()
	}
}

// qpDepth is the depth of each connection: all requests of a queue at once,
// reads in several parts included, as far as a connection can.
func (e *engine) qpDepth() int { return min(verbs.MaxDepth, 4*e.spec.Depth) }

// await waits for a queue's thread, or for its end.
func (e *engine) await(done <-chan struct{}) {
	select {
	case <-done:
	case <-e.over:
	}
}

func (e *engine) ended() bool {
	select {
	case <-e.over:
		return true
	default:
		return false
	}
}

// oneLine joins errors as one line.
func oneLine(errs []error) error {
	var all error
	for _, err := range errs {
		switch {
		case err == nil:
		case all == nil:
			all = err
		default:
			all = fmt.Errorf("%w; %w", all, err)
		}
	}
	return all
}
