package lenders

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/verbs"
)

// connect gives each queue a connection, over the first transport that works, and returns
// how they reach the donor.
func (l *Lenders) connect(ctx context.Context, d *Donor, s *control.Session) (way, error) {
	d.set(StateConnecting, s, nil)
	for _, slab := range s.Welcome().Held {
		// Whatever an earlier session left there was failed over since.
		if err := l.giveUp(ctx, s, slab); err != nil {
			return way{}, err
		}
	}
	var failed, missing []error
	for _, t := range l.cfg.Transports {
		address := s.DataAddress(t.Name)
		if address == "" {
			continue
		}
		device, err := l.use(t)
		if err != nil {
			missing = append(missing, err)
			continue
		}
		w := newWay(s, device, address)
		err = l.connectOver(ctx, d, w)
		if err == nil {
			l.connected(d, s, t, oneLine(failed))
			return w, nil
		}
		failed = append(failed, fmt.Errorf("data connection to donor %s over %s: %w", d.address, t.Name, err))
		if ctx.Err() != nil || s.Err() != nil {
			break
		}
	}
	if err := oneLine(append(failed, missing...)); err != nil {
		return way{}, err
	}
	return way{}, l.offers(d, s)
}

// use registers all queues with a transport. It logs what hinders when that changes.
func (l *Lenders) use(t *Transport) (verbs.Device, error) {
	device, err := t.Use(l.queues)
	switch {
	case !t.news(err):
	case err != nil:
		l.cfg.Journal.Info(status.EventTransport, "transport cannot be used").Because(err).With("transport", t.Name).Tell()
	default:
		l.cfg.Journal.Info(status.EventTransport, "transport can be used now").With("transport", t.Name).Tell()
	}
	return device, err
}

// offers is nil if the donor offers a transport that can be used here.
func (l *Lenders) offers(d *Donor, s *control.Session) error {
	var names []string
	var errs []error
	for _, t := range l.cfg.Transports {
		names = append(names, t.Name)
		if s.DataAddress(t.Name) == "" {
			continue
		}
		if _, err := t.Use(nil); err != nil {
			errs = append(errs, err)
			continue
		}
		return nil
	}
	if len(errs) > 0 {
		return fmt.Errorf("donor %s: %w: %w", d.address, ErrNoDonor, oneLine(errs))
	}
	return refuse(ErrNoTransport, "donor %s offers no data connection over %s", d.address, strings.Join(names, " or "))
}

// connected makes the donor usable. passed is why faster transports were passed over, nil
// if there were none; it is logged when it changes.
func (l *Lenders) connected(d *Donor, s *control.Session, t *Transport, passed error) {
	reason := ""
	if passed != nil {
		reason = passed.Error()
	}
	if reason != "" && reason != d.passed {
		l.cfg.Journal.Warn(status.EventTransport, "a faster transport fails; pages travel over a slower one").
			Of("donor", d).Because(passed).With("transport", t.Name).Tell()
	}
	d.passed = reason
	l.cfg.Returned(d.id, d.setUp(s, t.Name))
}

// connectOver connects all queues over one transport, or none.
func (l *Lenders) connectOver(ctx context.Context, d *Donor, w way) error {
	for len(d.links) < len(l.queues) {
		d.links = append(d.links, &link{queue: l.queues[len(d.links)]})
	}
	for _, k := range d.links {
		limit, cancel := context.WithTimeout(ctx, askDeadline)
		err := l.connectQueue(limit, d, k, w)
		cancel()
		if err != nil {
			l.dropLinks(d)
			return err
		}
	}
	return nil
}

// connectQueue gives a queue a connection, in place of one that has failed if there is one.
// ctx has a deadline.
func (l *Lenders) connectQueue(ctx context.Context, d *Donor, k *link, w way) error {
	k.generation++
	config := l.cfg.QP
	config.Place, config.Generation = uint32(k.queue.Index()+1), k.generation
	conn, err := w.device.Connect(ctx, w.address, w.cred, config)
	if err != nil {
		return err
	}
	lost := make(chan error, 1)
	if err := k.queue.Attach(d.id, conn, lost); err != nil {
		return errors.Join(err, conn.Close())
	}
	k.lost = lost
	return nil
}

// dropLinks ends the queues' connections, and waits until nothing of them is left.
func (l *Lenders) dropLinks(d *Donor) {
	for _, q := range l.queues {
		q.Drop(d.id)
	}
}
