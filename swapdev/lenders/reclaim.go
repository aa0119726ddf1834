package lenders

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"github.com/farswap/farswap/control"
)

// A donor may go on in another process, with the same sessions. Over TCP keys stay what they were. Over RDMA
// they end with the process: the donor then lists the slabs as held, and the device claims each anew, with
// its content. An operation with an old key is refused meanwhile, and done again after its connection is
// made anew.

// resume connects a session again and claims the slabs whose keys have ended. A second call goes on where the
// first was interrupted.
func (l *Lenders) resume(ctx context.Context, d *Donor, s *control.Session) error {
	if err := s.Resume(ctx); err != nil {
		return err
	}
	lapsed := make(map[int]bool)
	for _, slab := range s.Lapsed() {
		lapsed[int(slab)] = true
	}
	if len(lapsed) == 0 || l.cfg.Left == nil {
		return nil
	}
	for _, left := range l.cfg.Left(d.id) {
		if !lapsed[left.Slab] || left.Key == 0 { // or it is about to be claimed by who maps it
			continue
		}
		key, err := l.claimSlab(ctx, s, uint32(left.Slab), d.Transport())
		switch {
		case errors.Is(err, control.ErrUnknownSlab), errors.Is(err, control.ErrUnsupported):
			return fmt.Errorf("claim slab %d anew: %w: %w", left.Slab, control.ErrNoSession, err)
		case err != nil:
			return fmt.Errorf("claim slab %d anew: %w", left.Slab, err)
		case !l.cfg.Renewed(left, key): // the device has let go of it meanwhile
			l.GiveBack(s, left.Slab, key)
		}
	}
	return nil
}

// silent has an error of a data connection not say that the donor does not run: nobody may listen there while
// it goes on in another process. The session's own connection finds out whether it runs.
func silent(err error) error {
	if errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("not yet: %s", err.Error())
	}
	return err
}
