package lenders

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/verbs"
)

// Pauses between attempts to connect again within the grace time.
const (
	regainFirst = 20 * time.Millisecond
	regainMost  = time.Second
)

// longestAttempt bounds one attempt to connect again. An attempt takes askDeadline at first,
// and longer each time when that was too short: a donor that is slow, or whose machine is,
// would otherwise be left again and again just before it answers, until the grace time is
// over. It is not longer because the kernel waits longer and longer before it tries again to
// reach a machine, so that a new attempt finds a network that is back sooner than an old one.
const longestAttempt = 10 * time.Second

// regain has a broken connection made anew, again and again, until that succeeds. The donor
// is suspended meanwhile. The error says why the donor is lost: it is gone, the grace time
// is over, or ctx is, with its cause.
func (l *Lenders) regain(ctx context.Context, d *Donor, grace time.Duration, broken error, connect func(context.Context) error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if grace == 0 {
		return broken
	}
	if d.suspend(broken) {
		l.cfg.Journal.Warn(status.EventDonorSuspended, "donor is suspended: a connection to it is made anew; its slabs stay").
			Of("donor", d).Because(broken).With("grace", grace).Tell()
	}
	limit, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	bound := askDeadline
	for pause := regainFirst; ; pause = min(2*pause, regainMost) {
		attempt, done := context.WithTimeout(limit, bound)
		err := connect(attempt)
		if attempt.Err() != nil {
			bound = min(2*bound, longestAttempt)
		}
		done()
		switch {
		case err == nil:
			if took, over := d.restore(); over {
				l.cfg.Journal.Info(status.EventDonorResumed, "donor goes on; no slab was lost").
					Of("donor", d).With("suspended", took.Round(time.Millisecond)).Tell()
			}
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case gone(err):
			return fmt.Errorf("%w: then: %w", broken, err)
		}
		if untrusted := l.distrust(d); untrusted != nil && !mayRenew(untrusted, err) {
			return fmt.Errorf("%w: then: %w", untrusted, err)
		}
		select {
		case <-limit.Done():
			if ctx.Err() == nil {
				return fmt.Errorf("%w: no connection within %v: %w", broken, grace, err)
			}
			return context.Cause(ctx)
		case <-time.After(pause):
		}
	}
}

// mayRenew reports whether a donor that is not trusted any more may have a better certificate than the
// one that it has shown: that one has ended, or its authority was replaced, and the donor has not
// answered the attempt to connect again. A slow donor would otherwise lose its slabs by a rotation.
func mayRenew(untrusted, attempt error) bool {
	renewable := errors.Is(untrusted, control.ErrExpired) || errors.Is(untrusted, control.ErrUntrusted)
	answered := errors.Is(attempt, control.ErrExpired) || errors.Is(attempt, control.ErrUntrusted)
	return renewable && !answered
}

// gone reports whether an attempt to connect again shows that the donor has nothing of this
// device any more: it has ended the session, does not take the device, or does not run.
func gone(err error) bool {
	for _, sign := range []error{
		control.ErrNoSession, control.ErrOtherServer, control.ErrRefused, control.ErrClosed, control.ErrPeerClosed, control.ErrRevoked, control.ErrRole,
		verbs.ErrRefused, syscall.ECONNREFUSED,
	} {
		if errors.Is(err, sign) {
			return true
		}
	}
	return false
}

// suspend counts one more broken connection, and reports whether it is the only one.
func (d *Donor) suspend(cause error) (first bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.broken++; d.broken > 1 {
		return false
	}
	d.state, d.err, d.since = StateSuspended, cause, time.Now()
	d.suspension++
	return true
}

// restore counts one broken connection less. It reports whether none is left, and for how
// long the donor was suspended then.
func (d *Donor) restore() (took time.Duration, over bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.broken > 1 {
		d.broken--
		return 0, false
	}
	took = d.endSuspension()
	d.state, d.err = StateUp, nil
	return took, true
}

// endSuspension adds the time of a suspension to those before. mu is held.
func (d *Donor) endSuspension() (took time.Duration) {
	if d.broken > 0 {
		took = time.Since(d.since)
		d.suspended += took
		d.broken = 0
	}
	return took
}
