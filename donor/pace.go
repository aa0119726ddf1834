package donor

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/farswap/farswap/control"
)

// Bounds for the devices of one identity together, so that one tenant neither starves the others nor fills
// the log. A swap device that begins to swap maps some 64 slabs at once; one whose donor is lost maps all
// slabs of that donor anew.
const (
	// maxDevices is how many devices an identity has at a donor: those with a session, suspended ones
	// included, or with slabs.
	maxDevices = 64

	// Map and Unmap: as many at once, and as many in a second.
	changesAtOnce, changesPerSecond = 1024, 256
	// Sessions that begin or are resumed.
	sessionsAtOnce, sessionsPerSecond = 128, 8
	// Lines about slabs at level info.
	linesAtOnce, linesPerSecond = 256, 4

	// maxPaced is how many identities are remembered, apart from those that are at work just now.
	maxPaced = 1024
)

// paces are token buckets by identity. A device without an identity has none, since nothing tells tenants
// apart. The methods may be called from any goroutine.
type paces struct {
	atOnce, perSecond float64
	now               func() time.Time

	mu     sync.Mutex // guards byName; never held across a wait
	byName map[string]*pace
}

// pace is the bucket of one identity.
type pace struct {
	tokens  float64 // negative: so many wait for theirs
	at      time.Time
	skipped uint64 // since the last one that try allowed
}

func newPaces(atOnce, perSecond float64) *paces {
	return &paces{atOnce: atOnce, perSecond: perSecond, now: time.Now, byName: make(map[string]*pace)}
}

// of returns the bucket of an identity as it is now. mu is held.
func (p *paces) of(identity string) *pace {
	now := p.now()
	one := p.byName[identity]
	if one == nil {
		if len(p.byName) >= maxPaced {
			p.forget(now)
		}
		one = &pace{tokens: p.atOnce, at: now}
		p.byName[identity] = one
	}
	one.tokens, one.at = p.level(one, now), now
	return one
}

func (p *paces) level(one *pace, now time.Time) float64 {
	return min(p.atOnce, one.tokens+p.perSecond*now.Sub(one.at).Seconds())
}

// forget removes the buckets that are full. mu is held.
func (p *paces) forget(now time.Time) {
	for name, one := range p.byName {
		if p.level(one, now) >= p.atOnce {
			delete(p.byName, name)
		}
	}
}

// reserve takes a token, and returns after which time it may be used.
func (p *paces) reserve(identity string) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	one := p.of(identity)
	one.tokens--
	if one.tokens >= 0 {
		return 0
	}
	return time.Duration(-one.tokens / p.perSecond * float64(time.Second))
}

// take waits for a token of an identity until the context ends. That error wraps control.ErrBusy.
func (p *paces) take(ctx context.Context, identity string) error {
	if identity == "" {
		return nil
	}
	wait := p.reserve(identity)
	if wait == 0 {
		return nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: identity %q asks faster than %.0f times a second: %w", control.ErrBusy, identity, p.perSecond, ctx.Err())
	}
}

// try takes a token if there is one. Then skipped says how often there was none since the last.
func (p *paces) try(identity string) (ok bool, skipped uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	one := p.of(identity)
	if one.tokens < 1 {
		one.skipped++
		return false, 0
	}
	one.tokens--
	skipped, one.skipped = one.skipped, 0
	return true, skipped
}
