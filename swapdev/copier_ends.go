package swapdev

import (
	"context"
	"errors"
	"fmt"

	"github.com/farswap/farswap/offheap"
	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/uring"
	"github.com/farswap/farswap/verbs"
)

// The connections of a copier.

// connect has c.from and c.to be connections to the two donors of the move.
func (c *copier) connect(ctx context.Context) error {
	if err := c.open(); err != nil {
		return err
	}
	var err error
	if c.from, err = c.reach(ctx, c.old.Donor); err != nil {
		return err
	}
	c.to, err = c.reach(ctx, c.engine.pages.Slab(c.slab).Donor)
	return err
}

// open makes the ring and the buffers, once.
func (c *copier) open() error {
	if c.loop != nil {
		return nil
	}
	arena, err := offheap.Map(copySlots*copyPages*slabmap.PageSize, offheap.Options{Lock: true})
	if err != nil {
		return err
	}
	loop, err := uring.NewLoop(uring.Config{Entries: 64})
	if err != nil {
		return errors.Join(err, offheap.Unmap(arena))
	}
	c.arena, c.loop = arena, loop
	return nil
}

// reach is the connection to a donor, in its session now.
func (c *copier) reach(ctx context.Context, id uint16) (*end, error) {
	d := c.engine.donors.get(id)
	session, up := d.up()
	if e := c.ends[id]; e != nil {
		if up && e.session == session && e.qp.State() == verbs.StateReady {
			return e, nil
		}
		if err := c.finish(e); err != nil {
			return nil, err
		}
		delete(c.ends, id)
	}
	if !up {
		return nil, fmt.Errorf("donor %s: %w", d.address, ErrNoDonor)
	}
	device, name, err := c.use(d.over())
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, mapDeadline)
	defer cancel()
	w := session.Welcome()
	cred := verbs.Credential{Session: verbs.SessionID(w.Session), Secret: w.Secret}
	conn, err := device.Connect(ctx, session.DataAddress(name), cred, verbs.QPConfig{Depth: copySlots, Timeout: c.engine.cfg.OpTimeout})
	if err != nil {
		return nil, err
	}
	qp, err := conn.Attach(c.loop, nil)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	c.ends[id] = &end{session, qp}
	return c.ends[id], nil
}

// use registers the buffers with the transport of that name.
func (c *copier) use(name string) (verbs.Device, string, error) {
	for _, t := range c.engine.transports {
		if t.name != name {
			continue
		}
		device, err := t.use(nil)
		if err == nil && c.regions[t] == nil {
			c.regions[t], err = device.Register(c.arena)
			if err != nil {
				delete(c.regions, t)
			}
		}
		return device, name, err
	}
	return nil, name, fmt.Errorf("transport %q: %w", name, ErrNoDonor) // it was lost just now
}

// finish ends a connection.
func (c *copier) finish(e *end) error {
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

// close ends all connections. After an error the buffers stay: they may still be
// in use.
func (c *copier) close() error {
	if c.loop == nil {
		return nil
	}
	var err error
	for _, e := range c.ends {
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
