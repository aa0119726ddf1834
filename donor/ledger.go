package donor

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/evict"
	"github.com/farswap/farswap/status"
)

// ledger decides how much of the pool each identity may take. Every Map passes it before it gets
// memory, so devices that ask at the same time or go by old figures cannot overfill the donor.
// Its methods may be called from any goroutine.
type ledger struct {
	governor *evict.Governor
	pool     *pool

	mu        sync.Mutex           // guards the fields below; pool.mu is taken under it
	allowed   map[string]Allowance // by name; nil: everyone, without bounds
	draining  bool                 // the donor lends nothing any more
	held      map[string]int64     // bytes by identity, maps under way included
	refused   map[string]bool      // identities that have asked for more than their quota since they last were below it
	sum       int64                // of held
	returning int64                // bytes of held that the donor has asked back and does not have yet
}

func newLedger(g *evict.Governor, p *pool, list []Allowance) *ledger {
	l := &ledger{governor: g, pool: p, held: make(map[string]int64), refused: make(map[string]bool)}
	l.allow(list)
	return l
}

// errNotAllowed says that a name is not among those that the donor allows.
var errNotAllowed = errors.New("it is not among the names that this donor allows")

// allow replaces the list of allowances. Who holds more than it may from now on keeps that.
func (l *ledger) allow(list []Allowance) {
	var allowed map[string]Allowance
	if len(list) > 0 {
		allowed = make(map[string]Allowance)
	}
	for _, one := range list {
		allowed[one.Name] = one
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.allowed = allowed
}

// admit returns control.ErrRefused if an identity may not use the donor.
func (l *ledger) admit(identity string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.allowed[identity]; l.allowed != nil && !ok {
		return fmt.Errorf("certificate name %q: %w: %w", identity, control.ErrRefused, errNotAllowed)
	}
	return nil
}

// reserve counts size bytes for an identity, before the pool gives the memory. The text of
// control.ErrNoMemory says which bound is reached.
func (l *ledger) reserve(identity string, size int64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	most := l.allowed[identity].Most
	f, lent := l.figures()
	room := l.governor.Room(lent)
	kept := l.keptFrom(identity)
	switch {
	case l.draining:
		return fmt.Errorf("%w: the donor is draining", control.ErrNoMemory)
	case most > 0 && l.held[identity]+size > most:
		return fmt.Errorf("%w: %q is over its quota: it holds %d of the %d bytes that it may have, %d more do not fit",
			control.ErrNoMemory, identity, l.held[identity], most, size)
	case l.sum+size > f.limit:
		return fmt.Errorf("%w: %d of %d bytes are lent, %d more do not fit", control.ErrNoMemory, l.sum, f.limit, size)
	case l.sum+kept+size > f.limit:
		return fmt.Errorf("%w: %d of %d bytes are lent and %d are reserved for others, %d more do not fit", control.ErrNoMemory, l.sum, f.limit, kept, size)
	case size > room-kept:
		return fmt.Errorf("%w: the donor's machine needs its memory itself: %d bytes can be lent now, not %d", control.ErrNoMemory, max(room-kept, 0), size)
	}
	l.held[identity] += size
	l.sum += size
	return nil
}

// adopt counts size bytes that an identity holds already, whatever the bounds.
func (l *ledger) adopt(identity string, size int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held[identity] += size
	l.sum += size
}

// overQuota returns how many bytes an identity holds and its quota. news says that size bytes
// more do not fit, for the first time since they last did.
func (l *ledger) overQuota(identity string, size int64) (held, most int64, news bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	held, most = l.held[identity], l.allowed[identity].Most
	if most == 0 || held+size <= most {
		delete(l.refused, identity)
		return held, most, false
	}
	news = !l.refused[identity]
	l.refused[identity] = true
	return held, most, news
}

// release undoes reserve. asked says that the donor had asked the bytes back.
func (l *ledger) release(identity string, size int64, asked bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sum -= size
	if l.held[identity] -= size; l.held[identity] == 0 {
		delete(l.held, identity)
	}
	if asked {
		l.returning -= size
	}
}

// askedBack counts bytes that the donor asks a device to return.
func (l *ledger) askedBack(bytes int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.returning += bytes
}

// drain ends all lending.
func (l *ledger) drain() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.draining = true
}

func (l *ledger) isDraining() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.draining
}

// free is how many bytes an identity could map now.
func (l *ledger) free(identity string) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.draining {
		return 0
	}
	f, lent := l.figures()
	free := min(l.governor.Room(lent), f.limit-l.sum) - l.keptFrom(identity)
	if most := l.allowed[identity].Most; most > 0 {
		free = min(free, most-l.held[identity])
	}
	return max(free, 0)
}

// spare is how many bytes the machine could lend now, regardless of the donor's limit.
func (l *ledger) spare() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, lent := l.figures()
	lent.Limit = math.MaxInt64
	return l.governor.Room(lent)
}

// room is how many bytes the donor could lend now, to all devices together.
func (l *ledger) room() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.draining {
		return 0
	}
	_, lent := l.figures()
	return l.governor.Room(lent)
}

// lent returns the figures for the governor.
func (l *ledger) lent() evict.Lent {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, lent := l.figures()
	return lent
}

// left returns how many bytes devices hold, and how many of them the donor has asked back.
func (l *ledger) left() (held, returning int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sum, l.returning
}

// figures returns the pool's figures, and the same for the governor with maps under way counted
// in. l.mu is held.
func (l *ledger) figures() (figures, evict.Lent) {
	f := l.pool.figures()
	return f, evict.Lent{
		Prepared: max(f.taken-f.mapped, 0), Mapped: l.sum, Returning: l.returning,
		Limit: f.limit, SlabSize: f.size, Ahead: f.ahead,
	}
}

// keptFrom is how many bytes an identity must leave to the reserves of others. l.mu is held.
func (l *ledger) keptFrom(identity string) int64 {
	var kept int64
	for name, one := range l.allowed {
		if name != identity {
			kept += max(one.Reserve-l.held[name], 0)
		}
	}
	return kept
}

// identities lists all identities that hold memory or have an allowance.
func (l *ledger) identities() []status.DonorIdentity {
	l.mu.Lock()
	defer l.mu.Unlock()
	names := slices.AppendSeq(slices.Collect(maps.Keys(l.allowed)), maps.Keys(l.held))
	slices.Sort(names)
	var list []status.DonorIdentity
	for _, name := range slices.Compact(names) {
		one := l.allowed[name]
		list = append(list, status.DonorIdentity{Name: name, Mapped: l.held[name], Most: one.Most, Reserve: one.Reserve})
	}
	return list
}
