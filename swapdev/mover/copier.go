package mover

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/farswap/farswap/swapdev/seal"
	"github.com/farswap/farswap/uring"
	"github.com/farswap/farswap/verbs"
)

// copyIdle is between two passes over pages that could not be claimed.
const copyIdle = time.Millisecond

// job is something to be done over the copier's connections. All its methods are called on
// the copier's thread. While it is being done it has a set of copySlots slots, which no
// other job uses.
type job interface {
	// begin gives the job the slots from first on.
	begin(first int)
	// drive goes on as far as that is possible without waiting. It returns true when the
	// job is over and nothing of it is under way.
	drive(c *copier) (over bool)
	// ended takes up the end of an operation of a slot.
	ended(c *copier, slot int, d verbs.Completion)
	// loaded takes up the end of a read of the backing file. res is the bytes that were
	// read, or a negated errno.
	loaded(c *copier, slot int, res int32)
	// failed hears that the connection to a donor has failed, or could not be made.
	failed(donor uint16, err error)
	// hurries reports whether the job is begun before calm ones.
	hurries() bool
	// presses reports whether calm jobs are to wait for this one, now.
	presses() bool
	// idles reports whether the job is to be driven again after copyIdle.
	idles() bool
}

// given is a job that somebody waits for.
type given struct {
	job
	ctx  context.Context
	over chan struct{} // closed when the job is over
}

// copier does jobs, several at a time, on one thread. All of them share its connections. A
// job that waits for a donor does not hold up another. Its methods belong to the thread, but
// for what says otherwise.
type copier struct {
	ends
	corrupt *atomic.Uint64 // counts pages that do not match their checksum
	forged  *atomic.Uint64 // counts pages that do, and were not sealed by this device
	sealer  *seal.Sealer   // nil: pages are stored as they are
	class   uring.Class    // of reads of the backing file

	jobs    [copyJobs]*given
	line    []*given // jobs that wait for slots
	pressed bool     // calm jobs wait
	ending  bool

	starting sync.Mutex // guards started; held while the thread begins or ends
	started  bool
	done     chan error // what the thread ended with
}

func newCopier(cfg *Config, corrupt, forged *atomic.Uint64) *copier {
	c := &copier{ends: ends{cfg: cfg}, corrupt: corrupt, forged: forged, done: make(chan error, 1)}
	if cfg.Key != nil {
		c.sealer = cfg.Key.NewSealer()
	}
	return c
}

// do does a job, and returns when that is over, which is soon after ctx ends. It may be
// called from any goroutine. An error means that the job was not begun.
func (c *copier) do(ctx context.Context, j job) error {
	if err := c.start(); err != nil {
		return err
	}
	g := &given{job: j, ctx: ctx, over: make(chan struct{})}
	c.loop.Post(func() { c.line = append(c.line, g) })
	defer context.AfterFunc(ctx, func() { c.loop.Post(func() {}) })()
	<-g.over
	return nil
}

// lost ends the connection to a donor whose slabs have failed. It may be called from any
// goroutine.
func (c *copier) lost(donor uint16) {
	c.losses[donor].Add(1)
	c.starting.Lock()
	defer c.starting.Unlock()
	if c.started {
		c.loop.Post(func() {}) // tend looks
	}
}

// start makes the thread, unless it is there.
func (c *copier) start() error {
	c.starting.Lock()
	defer c.starting.Unlock()
	if c.started {
		return nil
	}
	ready := make(chan error)
	go c.run(ready)
	err := <-ready
	c.started = err == nil
	return err
}

// stop ends the thread. All jobs are over, and none is given any more.
func (c *copier) stop() error {
	c.starting.Lock()
	defer c.starting.Unlock()
	if !c.started {
		return nil
	}
	c.loop.Post(func() { c.ending = true })
	c.started = false
	return <-c.done
}

func (c *copier) run(ready chan<- error) {
	runtime.LockOSThread() // the ring's
	defer runtime.UnlockOSThread()
	err := c.open()
	ready <- err
	if err != nil {
		return
	}
	c.class = c.loop.Attach(uring.HandlerFunc(func(id uint64, res int32, _ uint32) {
		c.jobs[id/copySlots].loaded(c, int(id), res)
	}))
	for !c.ending {
		c.tend(c.connected)
		c.drive()
		for _, e := range c.all {
			if e.qp != nil {
				e.qp.Doorbell()
			}
		}
		if err := c.loop.Pass(c.wait()); err != nil {
			panic(fmt.Sprintf("mover: the ring of moves: %v", err)) // no page could ever be let go
		}
		for _, e := range c.all {
			if e.qp != nil {
				c.poll(e)
			}
		}
	}
	c.done <- c.close()
}

// drive begins jobs that wait, those that hurry first, and goes on with all.
func (c *copier) drive() {
	for i := range c.jobs {
		if c.jobs[i] != nil || len(c.line) == 0 {
			continue
		}
		n := max(0, slices.IndexFunc(c.line, func(g *given) bool { return g.hurries() }))
		c.jobs[i] = c.line[n]
		c.line = slices.Delete(c.line, n, n+1)
		c.jobs[i].begin(i * copySlots)
	}
	c.line = slices.DeleteFunc(c.line, func(g *given) bool {
		if over := g.ctx.Err() != nil && g.drive(c); over {
			close(g.over)
			return true
		}
		return false
	})
	c.pressed = slices.ContainsFunc(c.jobs[:], func(g *given) bool { return g != nil && g.presses() })
	for i, g := range c.jobs {
		if g != nil && g.drive(c) {
			c.jobs[i] = nil
			close(g.over)
		}
	}
}

// wait is how long the coming pass may wait.
func (c *copier) wait() time.Duration {
	wait := time.Duration(-1)
	for _, g := range c.jobs {
		switch {
		case g == nil:
		case g.idles():
			return copyIdle
		default:
			wait = tickInterval
		}
	}
	for _, e := range c.all {
		if e.raised || e.qp != nil && e.qp.Outstanding() > 0 {
			wait = tickInterval
		}
	}
	return wait
}

// connected hears how an attempt to connect to a donor has ended.
func (c *copier) connected(e *end, err error) {
	if err != nil {
		c.failed(e.donor, err)
	}
}

// poll takes up what has completed, and the end of a connection.
func (c *copier) poll(e *end) {
	var done [copySlots]verbs.Completion
	for n := len(done); n == len(done); {
		n = e.qp.Poll(done[:])
		for _, d := range done[:n] {
			if d.Status != verbs.StatusOK {
				if d.Op == verbs.OpWrite {
					c.raise(e) // before the job lets go of its pages
				}
				c.failed(e.donor, errors.Join(d.Status.Err(), e.qp.Err()))
			}
			c.jobs[d.ID/copySlots].ended(c, int(d.ID), d)
		}
	}
	e.qp.Tick(c.loop.Now())
	if err := e.qp.Err(); err != nil {
		c.failed(e.donor, err)
	}
}

// failed tells all jobs that a connection has failed.
func (c *copier) failed(donor uint16, err error) {
	for _, g := range c.jobs {
		if g != nil {
			g.failed(donor, err)
		}
	}
}
