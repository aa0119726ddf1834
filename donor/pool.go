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

// getTimeout bounds how long a Map waits for memory that is being prepared or
// returned.
const getTimeout = 10 * time.Second

var errPoolClosed = errors.New("the donor is closing")

// pool is the memory that a donor lends: never more than its limit, slabs being
// prepared and being returned included, unless the limit was lowered below what is
// lent. Its methods may be called from any goroutine.
type pool struct {
	ahead int // slabs
	opt   offheap.Options
	wake  chan struct{} // one slot: run has something to do

	prepared func(mem []byte)       // called with a slab before it is ready
	unmapped func(mem []byte) error // called before memory is unmapped, which an error prevents

	mu      sync.Mutex // guards the fields below; never held while memory is mapped or unmapped
	closed  bool
	limit   int64 // bytes
	allowed int64 // bytes that may still be prepared: see allow
	size    int   // bytes of the slab last asked for, which are prepared
	round   int   // goes up when what is ready has to be prepared anew
	ready   []readySlab
	taken   int64 // bytes mapped from the machine, or about to be
	mapped  int64 // bytes of those that devices hold
	settled chan struct{}
}

// readySlab is memory that was prepared, of any size.
type readySlab struct {
	mem   []byte
	round int
}

func newPool(limit int64, ahead int, opt offheap.Options) *pool {
	return &pool{
		limit: limit, ahead: max(ahead, 0), opt: opt, size: firstSlab,
		wake: make(chan struct{}, 1), settled: make(chan struct{}),
		prepared: func([]byte) {}, unmapped: func([]byte) error { return nil },
	}
}

// get takes size zeroed bytes out of the pool: a prepared slab, else a fresh
// mapping, for which prepared slabs of another size make room. control.ErrNoMemory
// when devices hold too much, or when the machine has no more.
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
			return nil, fmt.Errorf("%w: memory is still being prepared: %w", control.ErrNoMemory, ctx.Err())
		}
	}
}

// tryGet returns a channel when the outcome hangs on work that is under way: it
// is closed when that has settled.
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
		mem, err := offheap.Map(size, p.opt)
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

// put frees memory that get returned. Precondition: no remote operation can
// reach it any more.
func (p *pool) put(mem []byte) error {
	err := p.unmap(mem)
	if err == nil {
		p.give(int64(len(mem)), int64(len(mem)))
	}
	return err // memory that cannot be unmapped stays counted
}

func (p *pool) unmap(mem []byte) error {
	if err := p.unmapped(mem); err != nil {
		return err
	}
	return offheap.Unmap(mem)
}

// close frees what is prepared. What devices hold is put back by its holder,
// before or after.
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

// figures are the pool at one moment, in bytes.
type figures struct {
	limit  int64 // of taken
	taken  int64 // from the machine, or about to be
	mapped int64 // of taken: devices hold it
	ready  int64 // of taken: prepared
	size   int64 // of the slab last asked for
	ahead  int64 // wanted in ready
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

// setLimit changes the limit. What is prepared above it goes; what is lent stays
// until it is put back.
func (p *pool) setLimit(bytes int64) {
	p.mu.Lock()
	p.limit = bytes
	over := p.taken - bytes
	p.mu.Unlock()
	p.release(over)
	p.poke()
}

// takeReady removes one prepared slab that is wanted. p.mu is held.
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

// give returns bytes to the machine's account.
func (p *pool) give(taken, mapped int64) {
	p.mu.Lock()
	p.taken -= taken
	p.mapped -= mapped
	p.settle()
	p.mu.Unlock()
	p.poke()
}

// settle wakes everyone who waits for room. p.mu is held.
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
