package lenders

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/verbs"
)

// A device whose server has died finds its pages at the donors again. The next server opens a session
// under the UUID of the device. With that the donor ends the session of the one before: its keys and
// connections are void, so nothing that it had sent can still change a page. Then the device claims each
// slab, with its content, and gets another key. Until then the donor is suspended.

// Left is a slab that the device, or an earlier server of it, has at a donor.
type Left struct {
	Slab  int
	Epoch uint64    // under which operations reach it
	Key   verbs.Key // that they use now; 0: none yet
}

// retake takes over what an earlier server has left at a donor, within the grace time. The donor is
// usable then. The error says why it is lost.
func (l *Lenders) retake(ctx context.Context, d *Donor) (*control.Session, way, error) {
	begun := time.Now()
	limit, cancel := context.WithTimeout(ctx, l.cfg.Grace)
	defer cancel()
	d.await(nil)
	for pause := regainFirst; ; pause = min(2*pause, regainMost) {
		s, w, err := l.retakeNow(limit, d)
		if err == nil {
			l.cfg.Journal.Info(status.EventDonorResumed, "donor goes on with the slabs that the server before has left there").
				Of("donor", d).With("suspended", time.Since(begun).Round(time.Millisecond)).Tell()
			return s, w, nil
		}
		d.await(err)
		switch {
		case ctx.Err() != nil:
			return nil, way{}, context.Cause(ctx)
		case gone(err):
			return nil, way{}, err
		}
		select {
		case <-limit.Done():
			if ctx.Err() != nil {
				return nil, way{}, context.Cause(ctx)
			}
			return nil, way{}, fmt.Errorf("its slabs were not claimed within %v: %w", l.cfg.Grace, err)
		case <-time.After(pause):
		}
	}
}

// retakeNow is one attempt. A session that does not come to its end is cut, without a goodbye: the donor then
// keeps what it has claimed, and what it has not, for the next one. After a goodbye these slabs would be a lease,
// which is the first that a donor takes back.
func (l *Lenders) retakeNow(ctx context.Context, d *Donor) (_ *control.Session, w way, err error) {
	dialing, cancel := context.WithTimeout(ctx, longestAttempt)
	defer cancel()
	if err := l.elsewhere(d); err != nil {
		return nil, w, err
	}
	s, err := l.dial(dialing, d)
	if err != nil {
		return nil, w, err
	}
	defer func() {
		if err != nil {
			if ctx.Err() == nil { // else nobody will claim them
				s.Abort(fmt.Errorf("claim the slabs at donor %s: %w: %w", d.address, control.ErrPeerLost, err))
			}
			_ = s.Close() // never fails
		}
	}()
	if err := l.claim(d, s); err != nil {
		return nil, w, err
	}
	var passed []error
	for _, t := range l.cfg.Transports {
		if w, err = l.reachable(ctx, d, s, t); err != nil {
			passed = append(passed, err)
			continue
		}
		// The keys are good for this transport alone, so there is no other to fall back on.
		if err := l.claimSlabs(ctx, d, s, t); err != nil {
			return nil, w, err
		}
		if err := l.connectOver(ctx, d, w); err != nil {
			return nil, w, fmt.Errorf("data connection to donor %s over %s: %w", d.address, t.Name, err)
		}
		l.connected(d, s, t, nil)
		return s, w, nil
	}
	return nil, w, oneLine(passed)
}

// reachable is how the queues reach a donor over a transport. One connection is tried.
func (l *Lenders) reachable(ctx context.Context, d *Donor, s *control.Session, t *Transport) (way, error) {
	address := s.DataAddress(t.Name)
	if address == "" {
		return way{}, refuse(ErrNoTransport, "donor %s offers no data connection over %s", d.address, t.Name)
	}
	device, err := l.use(t)
	if err != nil {
		return way{}, err
	}
	w := newWay(s, device, address)
	limit, cancel := context.WithTimeout(ctx, askDeadline)
	defer cancel()
	conn, err := device.Connect(limit, address, w.cred, l.cfg.QP) // at no queue's place
	if err == nil {
		err = conn.Close()
	}
	if err != nil {
		return way{}, fmt.Errorf("data connection to donor %s over %s: %w", d.address, t.Name, err)
	}
	return w, nil
}

// claimSlabs claims all that the device left at a donor, for connections over a transport, and gives up
// the rest.
func (l *Lenders) claimSlabs(ctx context.Context, d *Donor, s *control.Session, t *Transport) error {
	held := make(map[uint32]bool)
	for _, slab := range s.Welcome().Held {
		held[slab] = true
	}
	for _, left := range l.cfg.Left(d.id) {
		slab := uint32(left.Slab)
		if !held[slab] {
			l.cfg.Forsaken(d.id, left)
			continue
		}
		key, err := l.claimSlab(ctx, s, slab, t.Name)
		switch {
		case errors.Is(err, control.ErrUnknownSlab):
			l.cfg.Forsaken(d.id, left)
		case err != nil:
			return err
		default:
			l.cfg.Claimed(left, key)
		}
		delete(held, slab)
	}
	for slab := range held { // lent while the server before died, and never used
		if err := l.giveUp(ctx, s, slab); err != nil {
			return err
		}
	}
	return nil
}

func (l *Lenders) claimSlab(ctx context.Context, s *control.Session, slab uint32, transport string) (verbs.Key, error) {
	ctx, cancel := context.WithTimeout(ctx, longestAttempt)
	defer cancel()
	info, err := s.Map(ctx, slab, uint64(l.cfg.SlabSize), true, transport)
	if err != nil {
		return 0, err
	}
	return verbs.Key(info.Key), nil
}

// giveUp gives back a slab that a donor holds, and the device does not need.
func (l *Lenders) giveUp(ctx context.Context, s *control.Session, slab uint32) error {
	ctx, cancel := context.WithTimeout(ctx, longestAttempt)
	defer cancel()
	if err := s.Unmap(ctx, slab); !errors.Is(err, control.ErrUnknownSlab) {
		return err
	}
	return nil
}
