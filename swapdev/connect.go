package swapdev

import (
	"context"
	"errors"
	"fmt"

	"farswap/control"
	"farswap/verbs"
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
	var errs []error // of the transports that the donor offers
	for _, t := range d.engine.transports {
		address := s.DataAddress(t.Name())
		if address == "" {
			continue
		}
		err := t.usable()
		if err == nil {
			err = d.connectOver(ctx, s, t, address)
		}
		if err == nil {
			d.connected(s, t, oneLine(errs))
			return nil
		}
		errs = append(errs, fmt.Errorf("data connection to donor %s over %s: %w", d.address, t.Name(), err))
		if ctx.Err() != nil || s.Err() != nil {
			break
		}
	}
	if len(errs) == 0 {
		return d.engine.offersNone(d.address, s)
	}
	return oneLine(errs)
}

// offersNone is nil if the donor offers a transport that the device has.
func (e *engine) offersNone(address string, s *control.Session) error {
	for _, t := range e.transports {
		if s.DataAddress(t.Name()) != "" {
			return nil
		}
	}
	return fmt.Errorf("donor %s offers no data connection over %s: start it with another --transport, or the device: %w",
		address, e.names(), ErrNoDonor)
}

// connected makes the donor usable. passed is why faster transports were passed
// over, nil if there were none: it is logged when it changes.
func (d *donor) connected(s *control.Session, t *transport, passed error) {
	reason := ""
	if passed != nil {
		reason = passed.Error()
	}
	if reason != "" && reason != d.passed {
		d.engine.cfg.Log.Warn().Err(passed).Str("donor", d.address).Str("transport", t.Name()).Msg("a faster transport fails; pages travel over a slower one")
	}
	d.passed = reason
	d.setUp(s, t.Name())
}

// connectOver connects all queues over one transport, or none.
func (d *donor) connectOver(ctx context.Context, s *control.Session, t *transport, address string) error {
	w := s.Welcome()
	cred := verbs.Credential{Session: verbs.SessionID(w.Session), Secret: w.Secret}
	cfg := verbs.QPConfig{Depth: d.engine.qpDepth(), Timeout: d.engine.cfg.OpTimeout, Spin: d.engine.cfg.Spin}
	for _, q := range d.engine.queues {
		if err := d.connectQueue(ctx, q, t, address, cred, cfg); err != nil {
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

func (d *donor) connectQueue(ctx context.Context, q *queue, t *transport, address string, cred verbs.Credential, cfg verbs.QPConfig) error {
	ctx, cancel := context.WithTimeout(ctx, mapDeadline)
	defer cancel()
	conn, err := t.Connect(ctx, address, cred, cfg)
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
