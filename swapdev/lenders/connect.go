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

// connect gives each queue a connection, over the first transport that works.
func (l *Lenders) connect(ctx context.Context, d *Donor, s *control.Session) error {
	d.set(StateConnecting, s, nil)
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
		err = l.connectOver(ctx, d, s, device, address)
		if err == nil {
			l.connected(d, s, t, oneLine(failed))
			return nil
		}
		failed = append(failed, fmt.Errorf("data connection to donor %s over %s: %w", d.address, t.Name, err))
		if ctx.Err() != nil || s.Err() != nil {
			break
		}
	}
	if err := oneLine(append(failed, missing...)); err != nil {
		return err
	}
	return l.offers(d, s)
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
func (l *Lenders) connectOver(ctx context.Context, d *Donor, s *control.Session, device verbs.Device, address string) error {
	w := s.Welcome()
	cred := verbs.Credential{Session: verbs.SessionID(w.Session), Secret: w.Secret}
	for _, q := range l.queues {
		if err := l.connectQueue(ctx, d, q, device, address, cred); err != nil {
			l.dropLinks(d)
			select {
			case <-d.lost: // of a queue that was connected
			default:
			}
			return err
		}
	}
	return nil
}

func (l *Lenders) connectQueue(ctx context.Context, d *Donor, q Queue, device verbs.Device, address string, cred verbs.Credential) error {
	ctx, cancel := context.WithTimeout(ctx, askDeadline)
	defer cancel()
	conn, err := device.Connect(ctx, address, cred, l.cfg.QP)
	if err != nil {
		return err
	}
	if err := q.Attach(d.id, conn, d.lost); err != nil {
		return errors.Join(err, conn.Close())
	}
	return nil
}

// dropLinks ends the queues' connections, and waits until nothing of them is left.
func (l *Lenders) dropLinks(d *Donor) {
	for _, q := range l.queues {
		q.Drop(d.id)
	}
}
