package donor

import (
	"context"
	"fmt"
	"time"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/verbs"
)

// Admit implements control.Service. It gives a device a session, ends an older session of the same
// device, and lists the slabs that the donor holds for it. Or it goes on with the session that the
// device resumes.
func (d *Donor) Admit(ctx context.Context, s *control.Session, hello *control.Hello) (*control.Welcome, control.Handler, error) {
	if err := d.ledger.admit(s.Peer().Name); err != nil {
		return nil, nil, err
	}
	if err := d.openings.take(ctx, s.Peer().Name); err != nil {
		return nil, nil, err
	}
	dev, err := d.claim(ctx, s.Peer().Name, hello)
	if err != nil {
		return nil, nil, err
	}
	defer dev.op.Unlock()
	if dev.session != nil {
		return d.resume(dev, s), &requests{d, dev, dev.session}, nil
	}
	credential := verbs.NewCredential(verbs.SessionID(d.sessions.Add(1)))
	credential.Owner = dev.identity
	servers, err := d.transports.admit(credential)
	if err != nil {
		d.forget(dev)
		return nil, nil, err
	}
	ses := &session{
		credential: credential, servers: servers, since: time.Now(),
		grace: min(control.GraceOf(hello.Grace), max(d.cfg.Lease, d.takeover)), control: s, left: make(chan struct{}),
	}
	s.Alive = ses.heard
	d.mu.Lock()
	dev.session, dev.name, dev.slabSize, dev.shown = ses, hello.Name, int(hello.SlabSize), s.Shown()
	dev.served = served{hello.Server, hello.Generation}
	d.mu.Unlock()
	d.beginRecovery(dev, ses.since)
	d.hold(dev, ses.since)
	held := dev.held()
	d.log.Info().Str("device", dev.name).Str("identity", dev.identity).Stringer("uuid", dev.uuid).Stringer("peer", s.Peer()).
		Uint64("session", uint64(ses.id())).Int("held", len(held)).Dur("grace", ses.grace).Msg("session opened")
	return d.welcome(ses, held), &requests{d, dev, ses}, nil
}

func (d *Donor) welcome(ses *session, held []uint32) *control.Welcome {
	return &control.Welcome{
		Session: uint64(ses.id()),
		Name:    d.cfg.Name,
		Data:    ses.endpoints(),
		Secret:  ses.credential.Secret,
		Held:    held,
		Grace:   control.GraceField(ses.grace),
	}
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

// claim returns the device of a hello, with op locked. It refuses a server of an earlier generation
// than the one that was here last. It first ends an older session of the device, or the older
// connection of the session that the hello resumes. The device has a session only if it is the one
// to resume.
func (d *Donor) claim(ctx context.Context, identity string, hello *control.Hello) (*device, error) {
	for {
		dev, err := d.lookup(deviceKey{hello.Device, identity})
		if err != nil {
			return nil, err
		}
		old, why := dev.session, control.ErrSuperseded
		by := served{hello.Server, hello.Generation}
		if by.rivals(dev.served) {
			why = control.ErrOtherServer
		}
		switch {
		case hello.Resume != 0 && (old == nil || uint64(old.id()) != hello.Resume):
			d.forget(dev)
			dev.op.Unlock()
			return nil, fmt.Errorf("session %d of device %v: %w: it has ended here", hello.Resume, hello.Device, control.ErrNoSession)
		case hello.Resume == 0 && by.rivals(dev.served) && by.generation < dev.served.generation:
			later := dev.served.generation
			dev.op.Unlock()
			return nil, fmt.Errorf("device %v, server %d: %w: server %d of the device was here: end this one",
				hello.Device, by.generation, control.ErrOtherServer, later)
		case len(dev.slabs) > 0 && uint64(dev.slabSize) != hello.SlabSize:
			dev.op.Unlock()
			return nil, fmt.Errorf("device %v: %w: it holds slabs of %d bytes here and asks for slabs of %d: wait until the lease ends, or make a new device",
				hello.Device, control.ErrRefused, dev.slabSize, hello.SlabSize)
		case old == nil, hello.Resume != 0 && !old.cut.IsZero():
			return dev, nil
		case !old.cut.IsZero():
			d.end(dev, why)
			dev.op.Unlock()
			continue
		}
		connection, left := old.control, old.left
		if hello.Resume != 0 {
			why = errResumed
		}
		dev.op.Unlock()
		connection.Abort(why)
		select {
		case <-left:
		case <-ctx.Done():
			return nil, fmt.Errorf("device %v: %w: its older session has not ended yet: try again", hello.Device, control.ErrBusy)
		}
	}
}

// Ended implements control.Service. When the connection has broken, the session stays for its grace
// time.
func (d *Donor) Ended(s *control.Session) {
	dev, ses := d.find(s)
	if dev == nil {
		return
	}
	dev.op.Lock()
	defer dev.op.Unlock()
	defer close(ses.left)
	if !d.suspend(dev, s.Err()) {
		d.end(dev, s.Err())
	}
}

// end ends the session of a device. It revokes the keys and connections of the session before it
// does anything else with the slabs: from then on no operation of the session, however late it comes,
// reaches them. Slabs that the donor has asked back get no lease, because the donor needs them, unless
// the device is likely to come back: then their recalls go on. op is held.
func (d *Donor) end(dev *device, why error) {
	ses := dev.session
	for _, server := range ses.servers {
		server.Revoke(ses.id())
	}
	d.mu.Lock()
	var asked []uint32
	if ses.over != nil {
		why = ses.over
	}
	for i, sl := range dev.slabs {
		sl.key, sl.server = 0, nil
		if excludes(why) || sl.recall != nil && !mayReturn(why) {
			asked = append(asked, i)
		}
	}
	dev.session = nil
	if ses.timer != nil { // it would keep the session in memory for the grace time
		ses.timer.Stop()
	}
	since := ses.cut
	d.mu.Unlock()
	if since.IsZero() {
		since = time.Now()
	}
	for _, i := range asked {
		d.removeOrSay(dev, i)
	}
	if mayReturn(why) {
		d.beginRecovery(dev, since)
	}
	d.hold(dev, since)
	d.log.Info().Str("device", dev.name).Str("identity", dev.identity).Stringer("uuid", dev.uuid).Uint64("session", uint64(ses.id())).
		Int("held", len(dev.slabs)).Dur("lease", d.cfg.Lease).AnErr("why", why).Msg("session ended")
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
