package lenders

import (
	"context"
	"errors"
	"strings"
	"time"
	"unicode"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/status"
)

// Pauses between sessions.
const (
	RetryFirst = 500 * time.Millisecond // before the first attempt to reach a lost donor
	retryMost  = 10 * time.Second
	steady     = 10 * time.Second // a connection that held so long was good: the pause begins anew
)

// Start keeps the donors connected, with the sessions that Reach opened.
func (l *Lenders) Start(sessions []*control.Session) {
	for i, d := range l.All() {
		l.keepers.Go(func() { l.keep(l.keeping, d, sessions[i]) })
	}
}

// Retake keeps the donors connected, after it has claimed what an earlier server of the device has left
// there. A donor that does not give it within the grace time is lost.
func (l *Lenders) Retake() {
	for _, d := range l.All() {
		if d.left = len(l.cfg.Left(d.id)) > 0; d.left {
			d.await(nil)
		}
		l.keepers.Go(func() { l.keep(l.keeping, d, nil) })
	}
}

// Close ends all sessions. Afterwards no donor can be used.
func (l *Lenders) Close() {
	l.end()
	l.keepers.Wait()
}

// keep keeps a donor connected until ctx ends, or another server of the device is in the place of this one there.
// session may be nil.
func (l *Lenders) keep(ctx context.Context, d *Donor, session *control.Session) {
	for pause := RetryFirst; ; pause = min(2*pause, retryMost) {
		held, err := l.serve(ctx, d, session)
		if errors.Is(err, control.ErrOtherServer) {
			l.leaveTo(d, err)
			return
		}
		if held > steady {
			pause = RetryFirst
		}
		session = nil
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// leaveTo leaves a donor to another server of the device, which has the slabs there. If this one dialled again, the
// two would end each other's sessions in turn.
func (l *Lenders) leaveTo(d *Donor, err error) {
	d.set(StateDown, nil, err)
	l.cfg.Journal.Error(status.EventDonorUnusable, "another server of this device uses the donor; this one does not dial it any more").
		Of("donor", d).Because(err).Tell()
}

// serve connects once, stays until the donor is lost, and returns how long it held, and why it is lost.
func (l *Lenders) serve(ctx context.Context, d *Donor, session *control.Session) (held time.Duration, err error) {
	var w way
	if d.left {
		d.left = false
		session, w, err = l.retake(ctx, d)
		return l.serveOver(ctx, d, session, w, err)
	}
	if session == nil {
		if err = l.elsewhere(d); err == nil {
			session, err = l.dial(ctx, d)
		}
		if err == nil {
			err = l.claim(d, session)
		}
		if err != nil {
			if session != nil {
				_ = session.Close() // never fails
			}
			if ctx.Err() == nil && !errors.Is(err, control.ErrOtherServer) {
				l.unusable(d, err)
			}
			return 0, err
		}
	}
	w, err = l.connect(ctx, d, session)
	return l.serveOver(ctx, d, session, w, err)
}

// serveOver stays at a donor that is connected until it is lost. cannot is why it is not connected.
func (l *Lenders) serveOver(ctx context.Context, d *Donor, session *control.Session, w way, cannot error) (held time.Duration, err error) {
	err = cannot
	if err == nil {
		d.said = ""
		l.cfg.Journal.Info(status.EventDonorUp, "donor is connected").Of("donor", d).
			With("name", session.Welcome().Name).With("transport", d.Transport()).Tell()
		connected := time.Now()
		err = l.hold(ctx, d, session, w)
		held = time.Since(connected)
	}
	slabs := l.disconnect(d, session, err)
	if ctx.Err() == nil {
		l.cfg.Journal.Warn(status.EventDonorLost, "donor is lost; its slabs are served by the backing file").
			Of("donor", d).Because(err).With("slabs", slabs).Tell()
	}
	return held, err
}

// disconnect fails the donor's slabs and takes the connections down. It returns how many
// slabs the donor held. s is nil if there is no session.
func (l *Lenders) disconnect(d *Donor, s *control.Session, cause error) int {
	d.set(StateDown, nil, cause)
	// From here on nobody makes a slab of the donor usable any more: see While.
	slabs, release := l.cfg.Lost(d.id)
	l.dropLinks(d)
	release()
	if s != nil {
		_ = s.Close() // never fails
	}
	return slabs
}

// unusable records that the donor is down, and logs the reason when it changes. A reason
// in which only a figure changes, such as the time, is the same.
func (l *Lenders) unusable(d *Donor, err error) {
	d.set(StateDown, nil, err)
	text := strings.Map(func(r rune) rune {
		if unicode.IsDigit(r) {
			return -1
		}
		return r
	}, err.Error())
	if text != d.said {
		d.said = text
		l.cfg.Journal.Warn(status.EventDonorUnusable, "donor cannot be used yet").Of("donor", d).Because(err).Tell()
	}
}
