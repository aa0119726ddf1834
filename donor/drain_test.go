package donor

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/status"
)

// TestDrain: everything goes back, also slabs under lease and those of a device that is late.
// Then the donor ends.
func TestDrain(t *testing.T) {
	log := &logged{}
	cfg := testConfig()
	cfg.Memory, cfg.Unlocked, cfg.Log = 16*slabSize, true, zerolog.New(log)
	d := lend(t, cfg)
	d.patience.calm = 200 * time.Millisecond
	moves := borrow(t, d, dialConfig(control.NewUUID()), 6)
	keeps := borrow(t, d, dialConfig(control.NewUUID()), 3)
	keeps.set(func() { keeps.keep = true })
	lost := dial(t, d, dialConfig(control.NewUUID()))
	mapSlab(t, lost, 0, false)
	_ = lost.Close()
	eventually(t, "one is held", func() bool { return len(d.Status().Leases) == 1 })
	ended := make(chan struct{})
	context.AfterFunc(d.ctx, func() { close(ended) })

	d.Drain()
	d.Drain()
	if st := d.Status(); st.State != status.DonorDraining || st.Memory.Room != 0 {
		t.Errorf("%+v", st)
	}
	// The donor may end before it asks them.
	if m, err := moves.s.QueryMem(t.Context()); err == nil && m.Free != 0 {
		t.Errorf("a donor that is drained offers %d bytes", m.Free)
	}
	if _, err := moves.s.Map(t.Context(), 20, slabSize, false, ""); !errors.Is(err, control.ErrNoMemory) && moves.s.Err() == nil {
		t.Errorf("it maps: %v", err)
	}
	if err := d.Resize(8*slabSize, HeadRoom{}); !errors.Is(err, ErrDraining) {
		t.Errorf("it is resized: %v", err)
	}
	select {
	case <-ended:
	case <-time.After(30 * time.Second):
		t.Fatalf("it never ends: %+v", d.Status())
	}
	st := d.Status()
	if st.Memory.Mapped != 0 || st.Evictions != 10 || st.EvictedBytes != 10*slabSize {
		t.Errorf("%+v, %d slabs evicted, %d bytes", st.Memory, st.Evictions, st.EvictedBytes)
	}
	if got := moves.wasAsked(); len(got) != 6 || moves.counts() != (counts{}) {
		t.Errorf("asked back %v, %+v", got, moves.counts())
	}
	if err := keeps.s.Err(); err == nil || !strings.Contains(err.Error(), ErrOverdue.Error()) {
		t.Errorf("the late device's session: %v", err)
	}
	if log.count("drain begins") != 1 || log.count("drained: the donor ends") != 1 {
		t.Error(log.text.String())
	}
}

// TestDrainInBatches: the donor asks back one batch at a time at most.
func TestDrainInBatches(t *testing.T) {
	const big = 64 << 20
	cfg := testConfig()
	cfg.Memory, cfg.Unlocked, cfg.Ahead = 6*big, true, -1
	d := lend(t, cfg)
	d.patience.calm = time.Minute
	dialed := dialConfig(control.NewUUID())
	dialed.SlabSize = big
	b := borrow(t, d, dialed, 0)
	b.set(func() { b.keep = true })
	for i := range uint32(6) {
		if _, err := b.s.Map(t.Context(), i, big, false, ""); err != nil {
			t.Fatal(err)
		}
	}
	d.Drain()
	eventually(t, "a batch is asked back", func() bool { return len(b.wasAsked()) == drainBatch/big })
	ticks := d.ticks.Load()
	eventually(t, "time passes", func() bool { return d.ticks.Load() > ticks+5 })
	if got := b.wasAsked(); len(got) != drainBatch/big {
		t.Errorf("asked back %v", got)
	}
	back := make(map[uint32]bool)
	next := func() int {
		return slices.IndexFunc(b.wasAsked(), func(slab uint32) bool { return !back[slab] })
	}
	for range 6 {
		eventually(t, "another is asked back", func() bool { return next() >= 0 })
		slab := b.wasAsked()[next()]
		back[slab] = true
		if err := b.s.Unmap(t.Context(), slab); err != nil {
			t.Fatal(err)
		}
	}
	<-d.ctx.Done()
}

func TestDrainOfNothing(t *testing.T) {
	d := lend(t, testConfig())
	dial(t, d, dialConfig(control.NewUUID()))
	d.Drain()
	<-d.ctx.Done()
}
