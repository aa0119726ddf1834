package lenders

import (
	"context"
	"fmt"
	"time"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/status"
)

// lookPause is between two looks at the certificates of a session.
const lookPause = time.Second

// refuses says why a donor must not be used any more whose name was acceptable before, nil if it may.
func (l *Lenders) refuses(d *Donor, s *control.Session) error {
	if l.cfg.Accept == nil {
		return nil
	}
	if err := l.cfg.Accept(s.Peer().Name); err != nil {
		return fmt.Errorf("donor %s: %w", d.address, err)
	}
	return nil
}

// distrust says why a donor whose connections are broken must not keep its slabs for the grace time: its
// certificate has ended or was revoked, or its name is not accepted any more. It is nil if it may.
func (l *Lenders) distrust(d *Donor) error {
	s, _ := d.Session()
	if s == nil {
		return nil
	}
	if err := s.Shown().Check(time.Now()); err != nil {
		return fmt.Errorf("donor %s: %w", d.address, err)
	}
	return l.refuses(d, s)
}

// renewal is how a session follows the certificates of both sides.
type renewal struct {
	of      *Donor
	session *control.Session
	pause   time.Duration // after a failure
	next    time.Time     // of the next attempt after a failure
}

// renew connects a session again when a certificate of it was renewed, or may have been. Slabs and data
// connections stay. The connection that there is stays, too, if the donor does not accept the
// certificate: then this is tried again, until the certificate has ended. A session that the donor does
// not keep without its connection goes on with the certificate that it has.
func (l *Lenders) renew(ctx context.Context, r *renewal, now time.Time) {
	if r.session.Grace() == 0 || now.Before(r.next) || !r.session.Aging(now) {
		return
	}
	err := r.session.Resume(ctx)
	if err == nil {
		*r = renewal{of: r.of, session: r.session}
		l.cfg.Journal.Info(status.EventDonorResumed, "donor is connected again, with the certificates of now").Of("donor", r.of).Tell()
		return
	}
	first := r.pause == 0
	r.pause = min(max(2*r.pause, RetryFirst), retryMost)
	r.next = now.Add(r.pause)
	if first && ctx.Err() == nil {
		l.cfg.Journal.Warn(status.EventDonorUnusable, "donor is used with the certificates of before: it cannot be connected again with those of now").
			Of("donor", r.of).Because(err).Tell()
	}
}
