package lenders

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/verbs"
)

// hold keeps a connected donor until it is lost, and returns why it was. A connection that
// breaks, of a queue or of control, is made anew in the same session, each on its own.
func (l *Lenders) hold(ctx context.Context, d *Donor, s *control.Session, w way) error {
	ctx, lose := context.WithCancelCause(ctx)
	var holding sync.WaitGroup
	for _, k := range d.links {
		holding.Go(func() { lose(l.holdLink(ctx, d, k, w)) })
	}
	lose(l.holdSession(ctx, d, s))
	holding.Wait()
	if err := s.Err(); errors.Is(err, control.ErrOtherServer) { // its other connections may have broken first
		return err
	}
	return context.Cause(ctx)
}

// holdSession keeps the session until it has ended or ctx has, and returns why.
func (l *Lenders) holdSession(ctx context.Context, d *Donor, s *control.Session) error {
	look := time.NewTicker(lookPause)
	defer look.Stop()
	r := renewal{of: d, session: s}
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case now := <-look.C:
			if err := l.refuses(d, s); err != nil {
				s.Abort(err)
				return err
			}
			l.renew(ctx, &r, now)
			continue
		case <-s.Cut():
		}
		if err := s.Err(); err != nil {
			return err
		}
		if err := l.regain(ctx, d, s.Grace(), s.Trouble(), func(ctx context.Context) error { return l.resume(ctx, d, s) }); err != nil {
			return err
		}
	}
}

// holdLink keeps the connection of one queue until it is lost or ctx has ended, and returns
// why.
func (l *Lenders) holdLink(ctx context.Context, d *Donor, k *link, w way) error {
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case broken := <-k.lost:
			connect := func(ctx context.Context) error { return silent(l.connectQueue(ctx, d, k, w)) }
			if err := l.regain(ctx, d, l.cfg.Grace, broken, connect); err != nil {
				return err
			}
		}
	}
}

// link is the connection of one queue to a donor. It belongs to one goroutine at a time.
type link struct {
	queue      Queue
	generation uint64     // of the last attempt
	lost       chan error // of the connection now: why it failed
}

// way is how the queues reach a donor in one session: the keys of its slabs are valid there
// only.
type way struct {
	device  verbs.Device
	address string
	cred    verbs.Credential
}

// newWay is the way in a session, to the address of its transport.
func newWay(s *control.Session, device verbs.Device, address string) way {
	welcome := s.Welcome()
	return way{device, address, verbs.Credential{Session: verbs.SessionID(welcome.Session), Secret: welcome.Secret}}
}
