package mover

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/farswap/farswap/offheap"
	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/swapdev/lenders"
	"github.com/farswap/farswap/swapdev/path"
	"github.com/farswap/farswap/swapdev/placement"
	"github.com/farswap/farswap/uring"
	"github.com/farswap/farswap/verbs"
)

const (
	// jobs are done at a time, each with copySlots runs of up to copyPages pages on their
	// way. Each page of them is claimed, so that a request for it waits: few and short.
	copyJobs  = 8
	copySlots = 4
	copyPages = 16
	// tickInterval is between two looks at deadlines, and abandonPasses of it are how
	// long a connection that was shut down may take to end.
	tickInterval  = 50 * time.Millisecond
	abandonPasses = 100
	// connectPause is before a connection is tried again that could not be made.
	connectPause = 200 * time.Millisecond
	// place is that of the mover's connections, in every session. The queues of the
	// device have lower ones.
	place = 1000
)

// ends are the mover's own connections to donors, one to each, with their ring and their
// buffers. They belong to the copier's thread, but for what says otherwise.
type ends struct {
	cfg   *Config
	loop  *uring.Loop
	arena []byte
	all   map[uint16]*end // by donor

	// losses counts, for each donor, how often it was lost. Any goroutine may read them.
	losses [path.MaxDonors]atomic.Uint64

	dialing context.Context // of the goroutines that connect
	endDial context.CancelFunc
	dials   sync.WaitGroup

	mu      sync.Mutex // guards regions; held while buffers are registered
	regions map[*lenders.Transport]verbs.Region
}

// end is the connection to one donor. It stays until it fails or the donor is lost.
type end struct {
	donor      uint16
	qp         verbs.QP // nil: not connected
	losses     uint64   // of the donor when this was connected
	generation uint64   // of the last attempt to connect
	connecting bool
	retry      int64 // loop time before which no connection is tried
	// raised: the barrier before the donor is up, because a WRITE of a connection that
	// failed may still be carried out.
	raised bool
}

func (e *end) ready() bool { return e.qp != nil && e.qp.State() == verbs.StateReady }

// open makes the ring and the buffers, on the thread that they are for.
func (c *ends) open() error {
	arena, err := offheap.Map(copyJobs*copySlots*copyPages*slabmap.PageSize, offheap.Options{Lock: true, Purpose: "buffers of moves"})
	if err != nil {
		return err
	}
	// Without KeepProc: it would change GOMAXPROCS, which stops the world, and a copy does
	// not gain by it.
	loop, err := uring.NewLoop(uring.Config{Entries: 64})
	if err != nil {
		return errors.Join(err, offheap.Unmap(arena))
	}
	c.arena, c.loop = arena, loop
	c.all, c.regions = make(map[uint16]*end), make(map[*lenders.Transport]verbs.Region)
	c.dialing, c.endDial = context.WithCancel(context.Background())
	return nil
}

// bytes are pages i to before j of a slot.
func (c *ends) bytes(slot, i, j int) []byte {
	at := slot * copyPages
	return c.arena[(at+i)*slabmap.PageSize : (at+j)*slabmap.PageSize : (at+j)*slabmap.PageSize]
}

// reach is the connection to a donor, nil while there is none. Then one is being made, and
// connected hears how that ends.
func (c *ends) reach(donor uint16, connected func(*end, error)) *end {
	e := c.all[donor]
	if e == nil {
		e = &end{donor: donor}
		c.all[donor] = e
	}
	if e.ready() && e.losses == c.losses[donor].Load() {
		return e
	}
	if e.qp == nil && !e.connecting && c.loop.Now() >= e.retry {
		c.connect(e, connected)
	}
	return nil
}

// connect begins to connect a donor. The new connection fences the one before: the donor
// accepts it once no operation of that one can touch its memory any more.
func (c *ends) connect(e *end, connected func(*end, error)) {
	e.connecting = true
	e.generation++
	cfg := verbs.QPConfig{Depth: copyJobs * copySlots, Timeout: c.cfg.OpTimeout, Place: place, Generation: e.generation}
	losses := c.losses[e.donor].Load() // before the session is looked up: that may be a later one
	c.dials.Go(func() {
		conn, err := c.dial(e.donor, cfg)
		if !c.loop.Post(func() { connected(e, c.attach(e, conn, losses, err)) }) && err == nil {
			_ = conn.Close() // a connection without operations
		}
	})
}

// dial connects to a donor in its session now. It may be called from any goroutine.
func (c *ends) dial(donor uint16, cfg verbs.QPConfig) (verbs.Conn, error) {
	d := c.cfg.Donors.Get(donor)
	session, ok := d.Session()
	name := d.Transport()
	if !ok {
		return nil, fmt.Errorf("donor %s: %w", d.Address(), lenders.ErrNoDonor)
	}
	device, err := c.use(name)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(c.dialing, placement.AskDeadline)
	defer cancel()
	w := session.Welcome()
	cred := verbs.Credential{Session: verbs.SessionID(w.Session), Secret: w.Secret}
	conn, err := device.Connect(ctx, session.DataAddress(name), cred, cfg)
	if err != nil {
		return nil, fmt.Errorf("connect to donor %s for moves: %w", d.Address(), err)
	}
	return conn, nil
}

// attach takes over what dial has made. The connection before it is fenced, so that the
// donor may be written to again.
func (c *ends) attach(e *end, conn verbs.Conn, losses uint64, err error) error {
	e.connecting = false
	if err == nil {
		var qp verbs.QP
		if qp, err = conn.Attach(c.loop, nil); err == nil {
			e.qp, e.losses = qp, losses
			c.lower(e)
			return nil
		}
		err = errors.Join(err, conn.Close())
	}
	e.retry = c.loop.Now() + int64(connectPause)
	return err
}

// raise forbids writes to a donor at which a WRITE may still be carried out.
func (c *ends) raise(e *end) {
	if !e.raised {
		e.raised = true
		c.cfg.Barrier.Raise(e.donor)
	}
}

func (c *ends) lower(e *end) {
	if e.raised {
		e.raised = false
		c.cfg.Barrier.Lower(e.donor)
	}
}

// tend ends the connections to lost donors, closes those that have ended, and connects
// again where others wait for the fence.
func (c *ends) tend(connected func(*end, error)) {
	for _, e := range c.all {
		lost := e.losses != c.losses[e.donor].Load()
		if lost && e.qp != nil {
			e.qp.Fail(fmt.Errorf("donor %s was lost: %w", c.cfg.Donors.Get(e.donor).Address(), lenders.ErrNoDonor))
		}
		if e.qp != nil && !e.ready() && e.qp.Outstanding() == 0 && e.qp.Close() == nil {
			e.qp = nil
		}
		switch {
		case e.qp != nil || e.connecting || !e.raised:
		case lost:
			c.lower(e) // the donor's copies are void, and its keys died with its session
		case c.loop.Now() >= e.retry:
			c.connect(e, connected)
		}
	}
}

// use registers the buffers with the transport of that name. It may be called from any
// goroutine.
func (c *ends) use(name string) (verbs.Device, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range c.cfg.Transports {
		if t.Name != name {
			continue
		}
		device, err := t.Use(nil)
		if err == nil && c.regions[t] == nil {
			c.regions[t], err = device.Register(c.arena)
			if err != nil {
				delete(c.regions, t)
			}
		}
		return device, err
	}
	return nil, fmt.Errorf("transport %q: %w", name, lenders.ErrNoDonor) // it was lost just now
}

// finish ends a connection.
func (c *ends) finish(e *end) error {
	if e.qp == nil {
		return nil
	}
	e.qp.Fail(nil)
	var done [copySlots]verbs.Completion
	for i := 0; e.qp.Outstanding() > 0 && i < abandonPasses; i++ {
		if e.qp.Poll(done[:]) > 0 {
			continue
		}
		if err := c.loop.Pass(tickInterval); err != nil {
			return err
		}
	}
	return e.qp.Close()
}

// close ends all connections, on their thread. After an error the buffers stay: they may
// still be in use.
func (c *ends) close() error {
	c.endDial()
	c.dials.Wait()
	err := c.loop.Pass(0) // what was connected last is attached
	for _, e := range c.all {
		err = errors.Join(err, c.finish(e))
	}
	if err != nil {
		return err
	}
	for _, r := range c.regions {
		err = errors.Join(err, r.Close())
	}
	return errors.Join(err, c.loop.Close(), offheap.Unmap(c.arena))
}
