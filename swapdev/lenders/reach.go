package lenders

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/farswap/farswap/control"
)

// Reach dials every donor once. It returns a session for each, nil for those that cannot
// be used. It fails when none can be, with the reasons.
func (l *Lenders) Reach(ctx context.Context) ([]*control.Session, error) {
	donors := l.All()
	sessions, errs := make([]*control.Session, len(donors)), make([]error, len(donors))
	var wg sync.WaitGroup
	for i, d := range donors {
		wg.Go(func() { sessions[i], errs[i] = l.dial(ctx, d) })
	}
	wg.Wait()
	usable := false
	for i, d := range donors {
		if errs[i] == nil {
			errs[i] = l.admit(d, sessions[i])
		}
		usable = usable || errs[i] == nil
		if errs[i] != nil && sessions[i] != nil {
			_ = sessions[i].Close()
			sessions[i] = nil
		}
	}
	if usable {
		for i, err := range errs {
			if err != nil {
				l.unusable(donors[i], err)
			}
		}
		return sessions, nil
	}
	return nil, fmt.Errorf("%w: %w", ErrNoDonor, oneLine(errs))
}

// admit makes d the owner of its session s, if d has room and a transport that works here.
func (l *Lenders) admit(d *Donor, s *control.Session) error {
	if free := d.Report().Free; free < l.cfg.SlabSize {
		return refuse(ErrNoRoom, "donor %s has %d bytes to lend to this device, a slab takes %d", d.address, free, l.cfg.SlabSize)
	}
	if err := l.offers(d, s); err != nil {
		return err
	}
	if err := s.Err(); err != nil { // the donor is listed twice, and the later session has ended this one
		return err
	}
	return l.claim(d, s)
}

// CloseAll closes the sessions of a list that are not nil.
func CloseAll(sessions []*control.Session) error {
	var err error
	for _, s := range sessions {
		if s != nil {
			err = errors.Join(err, s.Close())
		}
	}
	return err
}
