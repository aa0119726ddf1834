package lenders

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/verbs"
)

// undoPause is between attempts to give memory back.
const undoPause = 250 * time.Millisecond

// Map has a donor, in its session s, lend the memory of a slab of which the device has
// nothing there, and returns the key. It waits until ctx ends. The donor may lend the memory
// after that, or after its connection has broken. Then the memory is given back as soon as
// the donor answers, and until then the donor is asked for no more memory of this slab:
// ErrNoDonor.
func (l *Lenders) Map(ctx context.Context, d *Donor, s *control.Session, slab int) (verbs.Key, error) {
	if !d.beginDoubt(slab) {
		return 0, refuse(ErrNoDonor, "donor %s has not answered yet whether it lends memory for slab %d", d.address, slab)
	}
	transport := d.Transport()
	type answer struct {
		key verbs.Key
		err error
	}
	answered := make(chan answer)
	l.keepers.Go(func() {
		defer d.endDoubt(slab)
		key, err := l.lend(l.keeping, s, slab, transport)
		select {
		case answered <- answer{key, err}:
			if err == nil || !doubtful(err) {
				return
			}
		case <-ctx.Done():
			if err != nil && !doubtful(err) {
				return
			}
		}
		l.undo(s, slab, key)
	})
	select {
	case a := <-answered:
		return a.key, a.err
	case <-ctx.Done():
		return 0, fmt.Errorf("map slab %d at donor %s: %w: %w", slab, d.address, control.ErrTimeout, ctx.Err())
	}
}

// GiveBack has the memory of a slab given back that key names, as soon as the donor answers.
func (l *Lenders) GiveBack(s *control.Session, slab int, key verbs.Key) {
	l.keepers.Go(func() { l.undo(s, slab, key) })
}

// lend asks for the memory. If the donor holds some for the slab, that is left of a request
// whose outcome nobody knew.
func (l *Lenders) lend(ctx context.Context, s *control.Session, slab int, transport string) (verbs.Key, error) {
	info, err := s.Map(ctx, uint32(slab), uint64(l.cfg.SlabSize), false, transport)
	if errors.Is(err, control.ErrSlabHeld) {
		if err := s.Unmap(ctx, uint32(slab)); err != nil {
			return 0, err
		}
		info, err = s.Map(ctx, uint32(slab), uint64(l.cfg.SlabSize), false, transport)
	}
	if err != nil {
		return 0, err
	}
	return verbs.Key(info.Key), nil
}

// doubtful reports whether a request that has failed may have been carried out.
func doubtful(err error) bool {
	return errors.Is(err, control.ErrPeerLost) || errors.Is(err, control.ErrTimeout) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// undo gives the memory of a slab back, until the donor has answered or the session has
// ended, which takes everything back. key is 0 if it is unknown whether the donor lends any.
func (l *Lenders) undo(s *control.Session, slab int, key verbs.Key) {
	for s.Err() == nil {
		ctx, cancel := context.WithTimeout(l.keeping, askDeadline)
		err := s.UnmapKey(ctx, uint32(slab), uint64(key))
		cancel()
		if err == nil || errors.Is(err, control.ErrUnknownSlab) {
			return
		}
		select {
		case <-l.keeping.Done():
			return
		case <-s.Done():
		case <-time.After(undoPause):
		}
	}
}

// beginDoubt reports whether the donor can be asked for memory of a slab: no earlier request
// is without an answer. It needs one of endDoubt.
func (d *Donor) beginDoubt(slab int) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.doubtful[slab] {
		return false
	}
	d.doubtful[slab] = true
	return true
}

func (d *Donor) endDoubt(slab int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.doubtful, slab)
}
