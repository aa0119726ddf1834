package swapdev

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/verbs"
)

// connect makes a connection for each queue, over the first transport that works,
// and gives it to the queue.
func (d *donor) connect(ctx context.Context, s *control.Session) error {
	d.set(donorConnecting, s, nil)
	select {
	case <-d.lost: // of an earlier connection
	default:
	}
	for _, slab := range s.Welcome().Held {
		// Whatever an earlier session left there was failed over since.
		if err := s.Unmap(ctx, slab); err != nil && !errors.Is(err, control.ErrUnknownSlab) {
			return err
		}
	}
	var failed, missing []error
	for _, t := range d.engine.transports {
		address := s.DataAddress(t.name)
		if address == "" {
			continue
		}
		device, err := d.engine.use(t)
		if err != nil {
			missing = append(missing, err)
			continue
		}
		err = d.connectOver(ctx, s, device, address)
		if err == nil {
			d.connected(s, t, oneLine(failed))
			return nil
		}
		failed = append(failed, fmt.Errorf("data connection to donor %s over %s: %w", d.address, t.name, err))
		if ctx.Err() != nil || s.Err() != nil {
			break
		}
	}
	if err := oneLine(append(failed, missing...)); err != nil {
		return err
	}
	return d.engine.offers(d.address, s)
}

// use has all queues use a transport. What hinders is logged when it changes.
func (e *engine) use(t *transport) (verbs.Device, error) {
	device, err := t.use(e.queues)
	switch {
	case !t.news(err):
	case err != nil:
		e.journal.info(status.EventTransport, "transport cannot be used").because(err).with("transport", t.name).tell()
	default:
		e.journal.info(status.EventTransport, "transport can be used now").with("transport", t.name).tell()
	}
	return device, err
}

// offers is nil if the donor offers a transport that can be used here.
func (e *engine) offers(address string, s *control.Session) error {
	var names []string
	var errs []error
	for _, t := range e.transports {
		names = append(names, t.name)
		if s.DataAddress(t.name) == "" {
			continue
		}
		if _, err := t.use(nil); err != nil {
			errs = append(errs, err)
			continue
		}
		return nil
	}
	if len(errs) > 0 {
		return fmt.Errorf("donor %s: %w: %w", address, ErrNoDonor, oneLine(errs))
	}
	return fmt.Errorf("donor %s offers no data connection over %s: give it or the device another --transport: %w",
		address, strings.Join(names, " or "), ErrNoDonor)
}

// connected makes the donor usable. passed is why faster transports were passed
// over, nil if there were none: it is logged when it changes.
func (d *donor) connected(s *control.Session, t *transport, passed error) {
	reason := ""
	if passed != nil {
		reason = passed.Error()
	}
	if reason != "" && reason != d.passed {
		d.engine.journal.warn(status.EventTransport, "a faster transport fails; pages travel over a slower one").
			of("donor", d).because(passed).with("transport", t.name).tell()
	}
	d.passed = reason
	d.setUp(s, t.name)
}

// connectOver connects all queues over one transport, or none.
func (d *donor) connectOver(ctx context.Context, s *control.Session, device verbs.Device, address string) error {
	w := s.Welcome()
	cred := verbs.Credential{Session: verbs.SessionID(w.Session), Secret: w.Secret}
	cfg := verbs.QPConfig{Depth: d.engine.qpDepth(), Timeout: d.engine.cfg.OpTimeout, Spin: d.engine.cfg.Spin}
	for _, q := range d.engine.queues {
		if err := d.connectQueue(ctx, q, device, address, cred, cfg); err != nil {
			d.dropLinks()
			select {
			case <-d.lost: // of a queue that was connected
			default:
			}
			return err
		}
	}
	return nil
}

func (d *donor) connectQueue(ctx context.Context, q *queue, device verbs.Device, address string, cred verbs.Credential, cfg verbs.QPConfig) error {
	ctx, cancel := context.WithTimeout(ctx, mapDeadline)
	defer cancel()
	conn, err := device.Connect(ctx, address, cred, cfg)
	if err != nil {
		return err
	}
	if err := d.hand(q, conn); err != nil {
		return errors.Join(err, conn.Close())
	}
	return nil
}

// hand gives a connection to a queue's thread.
func (d *donor) hand(q *queue, conn verbs.Conn) error {
	result := make(chan error, 1)
	if !q.loop.Post(func() { result <- q.links[d.id].attach(conn, d.lost) }) {
		return verbs.ErrClosed
	}
	select {
	case err := <-result:
		return err
	case <-d.engine.over:
		return verbs.ErrClosed
	}
}

// dropLinks ends the queues' connections, and waits until nothing of them is left.
func (d *donor) dropLinks() {
	for _, q := range d.engine.queues {
		gone := make(chan struct{})
		if q.loop.Post(func() { q.links[d.id].drop(gone) }) {
			d.engine.await(gone)
		}
	}
}
