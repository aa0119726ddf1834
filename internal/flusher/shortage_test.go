package flusher

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestShortage goes through a shortage, and through its end.
func TestShortage(t *testing.T) {
	const mib, total = 1 << 20, 8 << 30 // so the bound is 512 MiB
	s, now := newShortage(2), time.Unix(1000, 0)
	for _, step := range []struct {
		after     time.Duration
		available int64
		short     bool
	}{
		{0, 4096 * mib, true}, // it begins short
		{900 * time.Millisecond, 4096 * mib, true},
		{100 * time.Millisecond, 4096 * mib, false}, // a second of calm
		{time.Hour, 600 * mib, false},
		{0, 511 * mib, true},
		{0, 600 * mib, true}, // not yet a quarter more
		{time.Hour, 640 * mib, true},
		{500 * time.Millisecond, 639 * mib, true}, // the second begins anew
		{time.Hour, 700 * mib, true},
		{time.Second, 700 * mib, false},
	} {
		now = now.Add(step.after)
		if short, _ := s.look(step.available, total, now); short != step.short {
			t.Errorf("%+v: short %v", step, short)
		}
	}
}

// TestShortageOfASmallMachine: a machine of 128 MiB is always short.
func TestShortageOfASmallMachine(t *testing.T) {
	s, now := newShortage(1), time.Unix(1000, 0)
	for range 10 {
		now = now.Add(calmTime)
		if short, _ := s.look(90<<20, 128<<20, now); !short {
			t.Error("not short")
		}
	}
}

// TestShortageLooksInTime: memory that falls as fast as it can does not fall by more than a look's least
// distance, or the whole of what a machine has, below the bound before the next look.
func TestShortageLooksInTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		total := rapid.Int64Range(64<<20, 4<<40).Draw(t, "total")
		s := newShortage(rapid.IntRange(1, 512).Draw(t, "cpus"))
		available, now := rapid.Int64Range(0, total).Draw(t, "available"), time.Unix(1000, 0)
		s.look(total, total, now)
		s.look(total, total, now.Add(calmTime))
		short, next := s.look(available, total, now.Add(calmTime))
		bound := max(total/shortShare, shortAtLeast)
		if short != (available < bound) && total >= bound+bound/4 {
			t.Fatalf("short %v", short)
		}
		if next < lookLeast || next > lookMost {
			t.Fatalf("the next look is after %v", next)
		}
		if fallen := int64(float64(s.fall) * next.Seconds()); !short && next > lookLeast && available-fallen < bound-1<<20 {
			t.Fatalf("%d bytes below the bound of %d at the next look", bound-(available-fallen), bound)
		}
	})
}
