package donor

import (
	"context"
	"fmt"
	"time"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/verbs"
)

// Admit implements control.Service. It gives a device a session, ends an older session of the same
// device, and lists the slabs that the donor holds for it.
func (d *Donor) Admit(ctx context.Context, s *control.Session, hello *control.Hello) (*control.Welcome, control.Handler, error) {
	if err := d.ledger.admit(s.Peer().Name); err != nil {
		return nil, nil, err
	}
	dev, err := d.claim(ctx, s.Peer().Name, hello)
	if err != nil {
		return nil, nil, err
	}
	defer dev.op.Unlock()
	id := verbs.SessionID(d.sessions.Add(1))
	credential := verbs.NewCredential(id)
	servers, err := d.transports.admit(credential)
	if err != nil {
		d.forget(dev)
		return nil, nil, err
	}
	ses := &session{control: s, id: id, servers: servers, since: time.Now(), ended: make(chan struct{})}
	d.mu.Lock()
	dev.session, dev.name, dev.slabSize = ses, hello.Name, int(hello.SlabSize)
	d.mu.Unlock()
	d.hold(dev)
	held := dev.held()
	d.log.Info().Str("device", dev.name).Str("identity", dev.identity).Stringer("uuid", dev.uuid).Stringer("peer", s.Peer()).
		Uint64("session", uint64(id)).Int("held", len(held)).Msg("session opened")
	return &control.Welcome{
		Session: uint64(id),
		Name:    d.cfg.Name,
		Data:    ses.endpoints(),
		Secret:  credential.Secret,
		Held:    held,
	}, &requests{d, dev, ses}, nil
}

// endpoints are where the session's data connections go, fastest transport first.
func (ses *session) endpoints() []control.Endpoint {
	var list []control.Endpoint
	for _, s := range ses.servers {
		list = append(list, control.Endpoint{Transport: s.Name(), Address: s.Address()})
	}
	return list
}

// server is the one that serves the session over a transport, as a Map names it,
// nil if there is none.
func (ses *session) server(transport string) *server {
	if transport == "" {
		transport = transportTCP
	}
	for _, s := range ses.servers {
		if s.Name() == transport {
			return s
		}
	}
	return nil
}

// claim returns the device of a hello, with op locked. It first ends an older session of the
// device.
func (d *Donor) claim(ctx context.Context, identity string, hello *control.Hello) (*device, error) {
	for {
		dev, err := d.lookup(hello.Device, identity)
		if err != nil {
			return nil, err
		}
		switch {
		case dev.identity != identity:
			dev.op.Unlock()
			return nil, fmt.Errorf("device %v: %w: it belongs to another identity", hello.Device, control.ErrRefused)
		case len(dev.slabs) > 0 && uint64(dev.slabSize) != hello.SlabSize:
			dev.op.Unlock()
			return nil, fmt.Errorf("device %v: %w: it holds slabs of %d bytes here and asks for slabs of %d: wait until the lease ends, or make a new device",
				hello.Device, control.ErrRefused, dev.slabSize, hello.SlabSize)
		case dev.session == nil:
			return dev, nil
		}
		old := dev.session
		dev.op.Unlock()
		old.control.Abort(control.ErrSuperseded)
		select {
		case <-old.ended:
		case <-ctx.Done():
			return nil, fmt.Errorf("device %v: %w: its older session has not ended yet: try again", hello.Device, control.ErrBusy)
		}
	}
}

// Ended implements control.Service. It revokes the keys and connections of the session before it
// does anything else with the slabs.
func (d *Donor) Ended(s *control.Session) {
	dev, ses := d.find(s)
	if dev == nil {
		return
	}
	dev.op.Lock()
	defer dev.op.Unlock()
	for _, server := range ses.servers {
		server.Revoke(ses.id)
	}
	d.mu.Lock()
	var asked []uint32
	for i, sl := range dev.slabs {
		sl.key, sl.server = 0, nil
		if sl.recall != nil {
			asked = append(asked, i)
		}
	}
	dev.session = nil
	d.mu.Unlock()
	close(ses.ended)
	for _, i := range asked { // the donor needs these: they get no lease
		if err := d.remove(dev, i); err != nil {
			d.log.Error().Str("device", dev.name).Uint32("slab", i).Err(err).Msg("slab not freed")
		}
	}
	d.hold(dev)
	d.log.Info().Str("device", dev.name).Str("identity", dev.identity).Stringer("uuid", dev.uuid).Uint64("session", uint64(ses.id)).
		Int("held", len(dev.slabs)).Dur("lease", d.cfg.Lease).AnErr("why", s.Err()).Msg("session ended")
	d.forget(dev)
}

// find returns the device of a session.
func (d *Donor) find(s *control.Session) (*device, *session) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, dev := range d.devices {
		if dev.session != nil && dev.session.control == s {
			return dev, dev.session
		}
	}
	return nil, nil
}
