package swapdev

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/status"
)

// Waits for donors.
const (
	mapDeadline   = 3 * time.Second
	retryFirst    = 500 * time.Millisecond // before the first attempt to reach a lost donor
	retryMost     = 10 * time.Second
	steady        = 10 * time.Second      // a connection that held so long was good: the pause begins anew
	releaseFirst  = 50 * time.Microsecond // before the second look at what is in flight
	releasePause  = time.Millisecond      // between later ones
	releaseReport = 10 * time.Second
)

// donor is one donor as the device sees it. Its goroutine (run) opens the
// session and one connection per queue, and takes them down when either fails.
type donor struct {
	engine  *engine
	id      uint16
	address string
	lost    chan error // a queue's connection has failed
	passed  string     // why faster transports were passed over, as last logged; the goroutine's own
	said    string     // why it cannot be used, as last logged without figures; likewise

	mu        sync.Mutex // guards what follows; never held across I/O
	state     donorState
	session   *control.Session
	transport string // name, empty unless up
	name      string
	free      int64
	total     int64  // what it lends at most; 0: not asked yet
	before    string // the transport of the session before
	err       error
}

type donorState string

const (
	donorDown       donorState = "down"
	donorConnecting donorState = "connecting"
	donorUp         donorState = "up"
)

// dial opens a session, and learns what the donor has.
func (d *donor) dial(ctx context.Context) (*control.Session, error) {
	e := d.engine
	s, err := control.Dial(ctx, d.address, control.DialConfig{
		Device: e.uuid, Name: e.name, SlabSize: uint64(e.cfg.SlabSize),
		Identity: e.cfg.Identity, Insecure: e.cfg.Insecure,
		Handler: control.HandlerFunc(d.answer),
	})
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	d.name = s.Welcome().Name
	d.mu.Unlock()
	mem, err := s.QueryMem(ctx)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	d.has(int64(mem.Free), int64(mem.Total))
	return s, nil
}

// answer serves the donor's requests: to say how busy some slabs are, and to give
// some back.
func (d *donor) answer(_ context.Context, req control.Message) (control.Message, error) {
	e := d.engine
	switch req := req.(type) {
	case *control.CheckActivity:
		if err := e.known(req.Slabs); err != nil {
			return nil, err
		}
		a := &control.Activity{PerSecond: make([]float64, len(req.Slabs))}
		for i, slab := range req.Slabs {
			if d.serves(int(slab)) {
				a.PerSecond[i] = e.pages.Activity(int(slab))
			}
		}
		return a, nil
	case *control.Evict:
		if err := e.known(req.Slabs); err != nil {
			return nil, err
		}
		e.moves.order(d.id, req.Slabs, req.Urgent)
		return &control.Evicting{}, nil
	}
	return nil, control.ErrUnsupported
}

// serves reports whether the donor has copies of slab that count. What it holds beside
// those is for test reads.
func (d *donor) serves(slab int) bool {
	s := d.engine.pages.Slab(slab)
	old, moving := d.engine.pages.OldDonor(slab)
	return s.State == slabmap.Mapping || holds(s) && s.Donor == d.id || moving && old == d.id
}

// known refuses slabs that the device does not have.
func (e *engine) known(slabs []uint32) error {
	for _, slab := range slabs {
		if int64(slab) >= int64(e.pages.Geometry().Slabs()) {
			return fmt.Errorf("slab %d: %w", slab, control.ErrUnknownSlab)
		}
	}
	return nil
}

// run keeps the donor connected until ctx ends. session may be nil.
func (d *donor) run(ctx context.Context, session *control.Session) {
	for pause := retryFirst; ; pause = min(2*pause, retryMost) {
		if d.serve(ctx, session) > steady {
			pause = retryFirst
		}
		session = nil
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// serve connects once, stays until the connection ends, and returns how long it
// held.
func (d *donor) serve(ctx context.Context, session *control.Session) (held time.Duration) {
	var err error
	if session == nil {
		if err = d.elsewhere(); err == nil {
			session, err = d.dial(ctx)
		}
		if err == nil {
			err = d.claim(session)
		}
		if err != nil {
			if session != nil {
				_ = session.Close() // never fails
			}
			if ctx.Err() == nil {
				d.unusable(err)
			}
			return 0
		}
	}
	journal := &d.engine.journal
	if err = d.connect(ctx, session); err == nil {
		d.said = ""
		journal.info(status.EventDonorUp, "donor is connected").of("donor", d).
			with("name", session.Welcome().Name).with("transport", d.over()).tell()
		connected := time.Now()
		err = d.watch(ctx, session)
		held = time.Since(connected)
	}
	slabs := d.disconnect(session, err)
	if ctx.Err() == nil {
		journal.warn(status.EventDonorLost, "donor is lost; its slabs are served by the backing file").
			of("donor", d).because(err).with("slabs", slabs).tell()
	}
	return held
}

// unusable has the donor be down, for a reason that is logged when it changes: but
// not when only a figure in it does, such as the time.
func (d *donor) unusable(err error) {
	d.set(donorDown, nil, err)
	text := strings.Map(func(r rune) rune {
		if unicode.IsDigit(r) {
			return -1
		}
		return r
	}, err.Error())
	if text != d.said {
		d.said = text
		d.engine.journal.warn(status.EventDonorUnusable, "donor cannot be used yet").of("donor", d).because(err).tell()
	}
}

// watch waits for the end of the session or of a connection.
func (d *donor) watch(ctx context.Context, s *control.Session) error {
	select {
	case <-s.Done():
		return s.Err()
	case err := <-d.lost:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// disconnect fails the donor's slabs over and takes the connections down. It
// returns how many slabs the donor held.
func (d *donor) disconnect(s *control.Session, cause error) int {
	d.set(donorDown, nil, cause)
	// From here on no slab is mapped to the donor any more: see mapper.complete.
	failed := d.failSlabs()
	d.dropLinks()
	d.engine.releaseSlabs(failed)
	_ = s.Close() // never fails
	return len(failed)
}

type failedSlab struct {
	slab  int
	epoch uint64
}

// failSlabs voids every remote copy that the donor has. What was moved away from it
// already counts where it is now.
func (d *donor) failSlabs() []failedSlab {
	var failed []failedSlab
	pages := d.engine.pages
	for slab := range pages.Geometry().Slabs() {
		s := pages.Slab(slab)
		if old, ok := pages.OldDonor(slab); ok && old == d.id {
			_ = pages.EndMove(slab, s.Epoch) // the mover may have been faster
			continue
		}
		if s.Donor != d.id || !holds(s) {
			continue
		}
		if epoch, err := pages.Fail(slab, s.Epoch); err == nil {
			failed = append(failed, failedSlab{slab, epoch})
			d.engine.failovers.Add(1)
		}
	}
	return failed
}

// releaseSlabs frees the failed slabs for another donor when the last operation
// on them has ended, which it does: its connection is down.
func (e *engine) releaseSlabs(failed []failedSlab) {
	for _, f := range failed {
		begun, reported := time.Now(), time.Duration(0)
		for pause := releaseFirst; ; pause = min(2*pause, releasePause) {
			err := e.pages.Release(f.slab, f.epoch)
			if err == nil {
				break
			}
			if !errors.Is(err, slabmap.ErrBusy) || e.ended() {
				e.journal.error(status.EventSlabStuck, "slab cannot be released").at(f.slab).because(err).tell()
				break
			}
			if waited := time.Since(begun); waited > reported+releaseReport {
				reported = waited
				e.journal.warn(status.EventSlabStuck, "operations of a lost donor have not ended").at(f.slab).with("waited", waited).tell()
			}
			time.Sleep(pause)
		}
	}
}

func (d *donor) set(state donorState, s *control.Session, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.state, d.session, d.transport, d.err = state, s, "", err
}

// setUp makes the donor usable over a transport.
func (d *donor) setUp(s *control.Session, transport string) {
	d.mu.Lock()
	before := d.before
	d.state, d.session, d.transport, d.before, d.err = donorUp, s, transport, transport, nil
	d.mu.Unlock()
	d.engine.steering.returned(d.id, before != transport)
}

// has takes up what the donor says that it can still lend, and at most, in bytes.
func (d *donor) has(free, total int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.free, d.total = free, total
}

// over is the name of the transport of the donor's pages, empty unless it is up.
func (d *donor) over() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.transport
}

// up is the donor's session while it can be asked.
func (d *donor) up() (*control.Session, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.session, d.state == donorUp
}

// title is the donor's name, its address before that is known.
func (d *donor) title() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return cmp.Or(d.name, d.address)
}

// report is the donor for status, but for what the queues know.
func (d *donor) report() status.Donor {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := status.Donor{
		Name: cmp.Or(d.name, d.address), Address: d.address, State: string(d.state), Transport: d.transport,
		Free: d.free, Total: d.total,
	}
	if d.err != nil {
		r.Error = d.err.Error()
	}
	return r
}
