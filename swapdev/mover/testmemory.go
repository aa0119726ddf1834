package mover

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/swapdev/lenders"
	"github.com/farswap/farswap/verbs"
)

// Lent is memory of a donor that holds nothing and is lent for test reads.
type Lent struct {
	Slab    int // that it was lent for, and that is elsewhere now
	key     verbs.Key
	session *control.Session
}

// TestMemory is what is lent for test reads, by donor. Its methods may be called from any
// goroutine.
type TestMemory struct {
	mu   sync.Mutex // guards lent; never held across I/O
	lent map[uint16]Lent
}

// NewTestMemory has nothing lent.
func NewTestMemory() *TestMemory { return &TestMemory{lent: make(map[uint16]Lent)} }

// keep reports whether memory is kept for test reads: none was, in this session.
func (t *TestMemory) keep(donor uint16, l Lent) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if old, ok := t.lent[donor]; ok && old.session == l.session {
		return false
	}
	t.lent[donor] = l
	return true
}

// Of is the memory at a donor in its session now.
func (t *TestMemory) Of(d *lenders.Donor) (Lent, bool) {
	session, up := d.Up()
	t.mu.Lock()
	defer t.mu.Unlock()
	l, ok := t.lent[d.ID()]
	return l, ok && up && l.session == session
}

// Key is the key of the memory at a donor, if it was lent for slab, else 0.
func (t *TestMemory) Key(slab int, donor uint16) verbs.Key {
	t.mu.Lock()
	defer t.mu.Unlock()
	if l, ok := t.lent[donor]; ok && l.Slab == slab {
		return l.key
	}
	return 0
}

// forget ends the use of the memory at a donor, if key is its key.
func (t *TestMemory) forget(donor uint16, key verbs.Key) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.lent[donor].key == key {
		delete(t.lent, donor)
	}
}

// Release gives back memory that was lent for slab, before the donor is asked for that
// slab's memory again.
func (t *TestMemory) Release(ctx context.Context, d *lenders.Donor, slab int) error {
	t.mu.Lock()
	l, ok := t.lent[d.ID()]
	if ok = ok && l.Slab == slab; ok {
		delete(t.lent, d.ID())
	}
	t.mu.Unlock()
	if !ok {
		return nil
	}
	return unmapKey(ctx, l.session, l.Slab, l.key)
}

// ReleaseAll gives back the memory of all donors that of is true for. A donor that does
// not answer has its memory back once a lease is over.
func (t *TestMemory) ReleaseAll(ctx context.Context, of func(donor uint16) bool) {
	for _, id := range t.donors() {
		if !of(id) {
			continue
		}
		t.mu.Lock()
		l, ok := t.lent[id]
		delete(t.lent, id)
		t.mu.Unlock()
		if ok {
			_ = unmapKey(ctx, l.session, l.Slab, l.key)
		}
	}
}

// donors are those that lend some.
func (t *TestMemory) donors() []uint16 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Collect(maps.Keys(t.lent))
}
