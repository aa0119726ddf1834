package mover

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/offheap"
	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/swapdev/lenders"
	"github.com/farswap/farswap/swapdev/placement"
	"github.com/farswap/farswap/uring"
	"github.com/farswap/farswap/verbs"
)

const (
	// copySlots runs of up to copyPages pages are on their way at a time. Each page of
	// them is claimed, so that a request for it waits: few and short.
	copySlots = 4
	copyPages = 16
	// tickInterval is between two looks at deadlines, and abandonPasses of it are how
	// long a connection that was shut down may take to end.
	tickInterval  = 50 * time.Millisecond
	abandonPasses = 100
)

// ends are the mover's own connections to donors, with their ring and their buffers. They
// belong to a thread.
type ends struct {
	cfg     *Config
	loop    *uring.Loop // nil before the first use
	arena   []byte
	regions map[*lenders.Transport]verbs.Region
	all     map[uint16]*end // by donor
}

// end is the connection to one donor, in one session.
type end struct {
	session *control.Session
	qp      verbs.QP
}

func newEnds(cfg *Config) ends {
	return ends{cfg: cfg, regions: make(map[*lenders.Transport]verbs.Region), all: make(map[uint16]*end)}
}

// open makes the ring and the buffers, once.
func (c *ends) open() error {
	if c.loop != nil {
		return nil
	}
	arena, err := offheap.Map(copySlots*copyPages*slabmap.PageSize, offheap.Options{Lock: true, Purpose: "buffers of moves"})
	if err != nil {
		return err
	}
	loop, err := uring.NewLoop(uring.Config{Entries: 64, KeepProc: true})
	if err != nil {
		return errors.Join(err, offheap.Unmap(arena))
	}
	c.arena, c.loop = arena, loop
	return nil
}

// bytes are the pages of a slot from i to before j.
func (c *ends) bytes(slot, i, j int) []byte {
	at := slot * copyPages
	return c.arena[(at+i)*slabmap.PageSize : (at+j)*slabmap.PageSize : (at+j)*slabmap.PageSize]
}

// reach is the connection to a donor, in its session now.
func (c *ends) reach(ctx context.Context, id uint16) (*end, error) {
	d := c.cfg.Donors.Get(id)
	session, up := d.Up()
	if e := c.all[id]; e != nil {
		if up && e.session == session && e.qp.State() == verbs.StateReady {
			return e, nil
		}
		if err := c.finish(e); err != nil {
			return nil, err
		}
		delete(c.all, id)
	}
	if !up {
		return nil, fmt.Errorf("donor %s: %w", d.Address(), lenders.ErrNoDonor)
	}
	name := d.Transport()
	device, err := c.use(name)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, placement.AskDeadline)
	defer cancel()
	w := session.Welcome()
	cred := verbs.Credential{Session: verbs.SessionID(w.Session), Secret: w.Secret}
	conn, err := device.Connect(ctx, session.DataAddress(name), cred, verbs.QPConfig{Depth: copySlots, Timeout: c.cfg.OpTimeout})
	if err != nil {
		return nil, err
	}
	qp, err := conn.Attach(c.loop, nil)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	c.all[id] = &end{session, qp}
	return c.all[id], nil
}

// use registers the buffers with the transport of that name.
func (c *ends) use(name string) (verbs.Device, error) {
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

// close ends all connections. After an error the buffers stay: they may still be in use.
func (c *ends) close() error {
	if c.loop == nil {
		return nil
	}
	var err error
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
