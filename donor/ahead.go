package donor

import (
	"context"
	"fmt"
	"time"
)

// preparePause is the wait between a change and the preparation that follows. Preparation
// keeps a CPU and the memory busy, so the answer to the Map that took a slab goes first.
const preparePause = 50 * time.Millisecond

// renew prepares all ready slabs anew, one after the other.
func (p *pool) renew() {
	p.mu.Lock()
	p.round++
	p.mu.Unlock()
	p.poke()
}

// allow sets how many bytes run may prepare from now on. It replaces what is left of an
// earlier allowance.
func (p *pool) allow(bytes int64) {
	p.mu.Lock()
	p.allowed = bytes
	p.mu.Unlock()
	if bytes > 0 {
		p.poke()
	}
}

// release unmaps prepared slabs until it has given that many bytes back to the kernel or none
// is left. It returns how many bytes it gave back.
func (p *pool) release(bytes int64) (released int64) {
	for released < bytes {
		p.mu.Lock()
		mem := p.takeReady(func(readySlab) bool { return true })
		p.mu.Unlock()
		if mem == nil {
			break
		}
		released += int64(len(mem))
		p.drop(mem)
	}
	return released
}

// run prepares slabs until the context ends. It calls report when a preparation fails, and
// tries again at the next change.
func (p *pool) run(ctx context.Context, report func(error)) {
	for {
		again, err := p.prepare()
		if err != nil {
			report(err)
		}
		if again && ctx.Err() == nil {
			continue
		}
		select {
		case <-p.wake:
		case <-ctx.Done():
			return
		}
		select {
		case <-time.After(preparePause):
		case <-ctx.Done():
			return
		}
	}
}

// prepare does one step towards the wanted number of prepared slabs. again says that there may
// be another step.
func (p *pool) prepare() (again bool, err error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return false, nil
	}
	size, round := p.size, p.round
	over := p.taken > p.limit // the limit fell during a preparation
	if stale := p.takeReady(func(r readySlab) bool { return over || len(r.mem) != size || r.round != round }); stale != nil {
		p.mu.Unlock()
		p.drop(stale)
		return true, nil
	}
	if len(p.ready) >= p.ahead || int64(size) > p.allowed || p.taken+int64(size) > p.limit {
		p.mu.Unlock()
		return false, nil
	}
	p.taken += int64(size)
	p.allowed -= int64(size)
	p.mu.Unlock()

	mem, err := p.store.Map(size, p.opt)
	if err != nil {
		p.give(int64(size), 0)
		return false, fmt.Errorf("prepare a slab: %w", err)
	}
	p.prepared(mem)
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		p.drop(mem)
		return false, nil
	}
	p.ready = append(p.ready, readySlab{mem, round})
	p.settle()
	p.mu.Unlock()
	return true, nil
}
