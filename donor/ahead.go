package donor

import (
	"context"
	"fmt"
	"time"

	"farswap/internal/offheap"
)

// preparePause is between a change and the preparing that follows. Preparing keeps
// a CPU and the memory busy: the answer to the Map that took a slab goes first.
const preparePause = 50 * time.Millisecond

// renew has what is ready prepared anew, one slab after the other.
func (p *pool) renew() {
	p.mu.Lock()
	p.round++
	p.mu.Unlock()
	p.poke()
}

// run prepares slabs until the context ends. report is told why preparing
// failed; it goes on at the next change.
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

// prepare does one step towards the wanted number of prepared slabs, and says
// whether there may be another.
func (p *pool) prepare() (again bool, err error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return false, nil
	}
	size, round := p.size, p.round
	if stale := p.takeReady(func(r readySlab) bool { return len(r.mem) != size || r.round != round }); stale != nil {
		p.mu.Unlock()
		p.drop(stale)
		return true, nil
	}
	if len(p.ready) >= p.ahead || p.taken+int64(size) > p.limit {
		p.mu.Unlock()
		return false, nil
	}
	p.taken += int64(size)
	p.mu.Unlock()

	mem, err := offheap.Map(size, p.opt)
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
