package donor

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/internal/memory"
)

// borrower is a device that answers what an eviction asks.
type borrower struct {
	t        testing.TB
	s        *control.Session
	opened   chan struct{} // closed when s is set
	unmaps   sync.WaitGroup
	activity func(slab uint32) float64 // constant once a tick can ask

	mu     sync.Mutex // guards what follows
	mute   bool       // CheckActivity gets no answer
	keep   bool       // nothing is unmapped
	refuse error      // the answer to Evict
	asked  []uint32   // slabs asked back, ascending
	seen   counts
}

// counts returns of how many slabs the donor asked the activity, and how many urgent requests for
// slabs it made.
type counts struct{ checks, urgent int }

func (b *borrower) counts() counts {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.seen
}

// borrow opens a session, and maps slabs 0 to n-1.
func borrow(t testing.TB, d *Donor, cfg control.DialConfig, n int) *borrower {
	t.Helper()
	b := &borrower{t: t, opened: make(chan struct{}), activity: func(uint32) float64 { return 0 }}
	cfg.Handler = b
	b.s = dial(t, d, cfg)
	close(b.opened)
	t.Cleanup(func() {
		_ = b.s.Close()
		b.unmaps.Wait()
	})
	for i := range n {
		mapSlab(t, b.s, uint32(i), false)
	}
	return b
}

func (b *borrower) set(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f()
}

// wasAsked returns the slabs that the donor has asked back so far.
func (b *borrower) wasAsked() []uint32 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.asked)
}

// Handle implements control.Handler.
func (b *borrower) Handle(ctx context.Context, req control.Message) (control.Message, error) {
	<-b.opened
	switch req := req.(type) {
	case *control.CheckActivity:
		return b.checkActivity(ctx, req)
	case *control.Evict:
		return b.evict(req)
	}
	return nil, control.ErrUnsupported
}

func (b *borrower) checkActivity(ctx context.Context, req *control.CheckActivity) (control.Message, error) {
	b.mu.Lock()
	mute := b.mute
	b.seen.checks += len(req.Slabs)
	b.mu.Unlock()
	if mute {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	a := &control.Activity{}
	for _, slab := range req.Slabs {
		a.PerSecond = append(a.PerSecond, b.activity(slab))
	}
	return a, nil
}

func (b *borrower) evict(req *control.Evict) (control.Message, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.refuse != nil {
		return nil, b.refuse
	}
	b.asked = append(b.asked, req.Slabs...)
	slices.Sort(b.asked)
	if req.Urgent {
		b.seen.urgent++
	}
	if b.keep {
		return &control.Evicting{}, nil
	}
	b.unmaps.Go(func() {
		for _, slab := range req.Slabs {
			if err := b.s.Unmap(context.Background(), slab); err != nil && b.s.Err() == nil {
				b.t.Errorf("unmap of %d, which was asked back: %v", slab, err)
			}
		}
	})
	return &control.Evicting{}, nil
}

// host is the memory of a machine, from which a donor and programs take.
type host struct {
	mu    sync.Mutex // guards what follows
	donor *Donor
	left  int64 // by programs to the donor: available, and what it has taken
	stall float64
	fail  error
}

const hostTotal = 1 << 30

func (h *host) Sample() (memory.Sample, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	available := h.left
	if h.donor != nil {
		available -= h.donor.pool.figures().taken
	}
	return memory.Sample{Available: max(available, 0), Total: hostTotal, Stall: h.stall}, h.fail
}

func (h *host) set(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f()
}

const testHeadRoom = 16 * slabSize

// lendOn serves a donor of 16 slabs on a host with plenty of memory. It ticks only when the test
// calls tick.
func lendOn(t *testing.T, change func(*Config)) (*Donor, *host) {
	t.Helper()
	h := &host{left: hostTotal / 2}
	cfg := testConfig()
	cfg.Memory, cfg.Ahead, cfg.Unlocked = 16*slabSize, -1, true
	cfg.Sampler, cfg.Tick, cfg.HeadRoom = h, time.Hour, HeadRoom{Bytes: testHeadRoom}
	if change != nil {
		change(&cfg)
	}
	d := lend(t, cfg)
	h.set(func() { h.donor = d })
	return d, h
}

// tick does a tick after one second.
func tick(d *Donor, times int) {
	for range times {
		d.tick(d.ctx, 1)
	}
}

// settle ticks until the donor may ask back the slabs that are mapped now.
func settle(d *Donor) { tick(d, 2) }

// short takes memory until the headroom lacks that many bytes.
func (h *host) short(bytes int64) {
	taken := h.donor.pool.figures().taken
	h.set(func() { h.left = testHeadRoom - bytes + taken })
}

func mappedIs(d *Donor, slabs int64) func() bool {
	return func() bool { return d.Status().Memory.Mapped == slabs*slabSize }
}

// wantNoMemory checks that the donor refuses a map for lack of memory.
func wantNoMemory(t *testing.T, s *control.Session, slab uint32) error {
	t.Helper()
	_, err := s.Map(t.Context(), slab, slabSize, false, "")
	if !errors.Is(err, control.ErrNoMemory) {
		t.Errorf("map of slab %d: %v", slab, err)
	}
	return err
}
