package donor

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/offheap"
)

// getTimeout bounds how long a Map waits until preparations and returns under way have settled.
const getTimeout = 10 * time.Second

var errPoolClosed = errors.New("the donor is closing")

// pool is the memory that a donor lends. It never takes more than its limit from the machine,
// slabs that it prepares or returns included; only setLimit can lower the limit below that. Its
// methods may be called from any goroutine.
type pool struct {
	ahead int            // slabs
	store *offheap.Store // of all slabs, so that another process can have them
	opt   offheap.Options
	wake  chan struct{} // one slot: run has something to do

	prepared func(mem []byte)       // the pool calls it before a slab becomes ready
	unmapped func(mem []byte) error // the pool calls it before it unmaps memory; on an error the memory stays mapped

	mu      sync.Mutex // guards the fields below; never held across a map or unmap of memory
	closed  bool
	limit   int64 // bytes
	allowed int64 // bytes that run may still prepare: see allow
	size    int   // bytes of the last slab that a device asked for; run prepares slabs of this size
	round   int   // renew increases it; run prepares ready slabs of an older round anew
	ready   []readySlab
	taken   int64 // bytes mapped from the machine, or about to be
	mapped  int64 // bytes of those that devices hold
	settled chan struct{}
}

// readySlab is a prepared slab, of any size.
type readySlab struct {
	mem   []byte
	round int
}

func newPool(limit int64, ahead int, store *offheap.Store, opt offheap.Options) *pool {
	return &pool{
		limit: limit, ahead: max(ahead, 0), store: store, opt: opt, size: firstSlab,
		wake: make(chan struct{}, 1), settled: make(chan struct{}),
		prepared: func([]byte) {}, unmapped: func([]byte) error { return nil },
	}
}

// get takes size zeroed bytes out of the pool: a prepared slab, or else a fresh mapping, for
// which it frees prepared slabs of another size. It returns control.ErrNoMemory when devices
// hold too much or the machine has no memory.
func (p *pool) get(ctx context.Context, size int) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, getTimeout)
	defer cancel()
	for {
		mem, settled, err := p.tryGet(size)
		if settled == nil {
			return mem, err
		}
		select {
		case <-settled:
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: the donor still prepares memory: %w", control.ErrNoMemory, ctx.Err())
		}
	}
}

// tryGet returns a channel when the outcome depends on work under way. The channel is closed
// when that work has settled.
func (p *pool) tryGet(size int) ([]byte, <-chan struct{}, error) {
	p.mu.Lock()
	defer p.poke()
	p.size = size
	switch {
	case p.closed:
		p.mu.Unlock()
		return nil, nil, errPoolClosed
	case p.mapped+int64(size) > p.limit:
		err := fmt.Errorf("%w: %d of %d bytes are lent, %d more do not fit", control.ErrNoMemory, p.mapped, p.limit, size)
		p.mu.Unlock()
		return nil, nil, err
	}
	if mem := p.takeReady(func(r readySlab) bool { return len(r.mem) == size }); mem != nil {
		p.mapped += int64(size)
		p.mu.Unlock()
		return mem, nil, nil
	}
	if p.taken+int64(size) <= p.limit {
		p.taken += int64(size)
		p.mapped += int64(size)
		p.mu.Unlock()
		mem, err := p.store.Map(size, p.opt)
		if err != nil {
			p.give(int64(size), int64(size))
			return nil, nil, fmt.Errorf("%w: %w", control.ErrNoMemory, err)
		}
		return mem, nil, nil
	}
	settled := p.settled
	other := p.takeReady(func(readySlab) bool { return true })
	p.mu.Unlock()
	if other != nil {
		p.drop(other)
	}
	return nil, settled, nil
}

// adopt counts memory of another pool that devices hold. Its limit may be exceeded by that.
func (p *pool) adopt(mem []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken += int64(len(mem))
	p.mapped += int64(len(mem))
	p.size = len(mem)
}

// put frees memory that get returned. Precondition: no remote operation reaches it.
func (p *pool) put(mem []byte) error {
	err := p.unmap(mem)
	if err == nil {
		p.give(int64(len(mem)), int64(len(mem)))
	}
	return err // memory that stays mapped stays counted
}

func (p *pool) unmap(mem []byte) error {
	if err := p.unmapped(mem); err != nil {
		return err
	}
	return p.store.Unmap(mem)
}

// close frees the prepared slabs. The holders of mapped slabs put them back before or after.
func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	ready := p.ready
	p.ready = nil
	p.mu.Unlock()
	for _, r := range ready {
		p.drop(r.mem)
	}
}

// figures are the figures of a pool at one moment, in bytes.
type figures struct {
	limit  int64 // of taken
	taken  int64 // from the machine, or about to be
	mapped int64 // of taken: devices hold it
	ready  int64 // of taken: prepared
	size   int64 // of the last slab that a device asked for
	ahead  int64 // that ready should reach
}

func (p *pool) figures() figures {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := figures{
		limit: p.limit, taken: p.taken, mapped: p.mapped,
		size: int64(p.size), ahead: int64(p.ahead) * int64(p.size),
	}
	for _, r := range p.ready {
		f.ready += int64(len(r.mem))
	}
	return f
}

// setLimit changes the limit. It frees prepared slabs above the limit; mapped slabs stay until
// their holders put them back.
func (p *pool) setLimit(bytes int64) {
	p.mu.Lock()
	p.limit = bytes
	over := p.taken - bytes
	p.mu.Unlock()
	p.release(over)
	p.poke()
}

// takeReady removes one prepared slab that want accepts, and returns nil if there is none. p.mu
// is held.
func (p *pool) takeReady(want func(readySlab) bool) []byte {
	for i, r := range p.ready {
		if want(r) {
			last := len(p.ready) - 1
			p.ready[i], p.ready[last] = p.ready[last], readySlab{}
			p.ready = p.ready[:last]
			return r.mem
		}
	}
	return nil
}

// drop frees a prepared slab.
func (p *pool) drop(mem []byte) {
	if err := p.unmap(mem); err == nil {
		p.give(int64(len(mem)), 0)
	}
}

// give subtracts bytes that went back to the machine.
func (p *pool) give(taken, mapped int64) {
	p.mu.Lock()
	p.taken -= taken
	p.mapped -= mapped
	p.settle()
	p.mu.Unlock()
	p.poke()
}

// settle wakes all callers of get that wait. p.mu is held.
func (p *pool) settle() {
	close(p.settled)
	p.settled = make(chan struct{})
}

func (p *pool) poke() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}
