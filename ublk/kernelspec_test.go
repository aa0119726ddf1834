package ublk

import (
	"errors"
	"testing"

	"pgregory.net/rapid"
)

// TestSpecComesBack: what the driver keeps of a specification is enough to go on with the device.
func TestSpecComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := func(label string, from, to int) int { return 1 << rapid.IntRange(from, to).Draw(t, label) }
		want := Spec{
			ID:     rapid.IntRange(0, MaxID).Draw(t, "id"),
			Queues: 1, Depth: rapid.IntRange(1, MaxQueueDepth).Draw(t, "depth"), MaxIO: size("largest", 12, 20),
			BlockSize:  size("block", 9, 12),
			WriteCache: rapid.Bool().Draw(t, "cache"), Rotational: rapid.Bool().Draw(t, "turns"), NoPartScan: rapid.Bool().Draw(t, "no scan"),
			Recovery: Recovery(rapid.IntRange(0, int(RecoverFailIO)).Draw(t, "recovery")),
		}
		want.PhysicalBlock = max(want.BlockSize, size("physical", 9, 20))
		want.IOMin = max(want.PhysicalBlock, size("least", 9, 20))
		want.IOOpt = max(want.IOMin, size("best", 9, 20))
		want.Size = int64(want.BlockSize) * rapid.Int64Range(1, 1<<30).Draw(t, "blocks")
		want.MaxDiscard = want.BlockSize * rapid.IntRange(0, 1<<18).Draw(t, "discard")
		if err := want.Validate(); err != nil {
			t.Fatal(err)
		}
		info := DevInfo{
			ID: uint32(want.ID), Queues: uint16(want.Queues), Depth: uint16(want.Depth), MaxIO: uint32(want.MaxIO),
			Flags: want.Features() | want.wished(),
		}
		if got, err := specOf(info, want.params()); err != nil || got != want {
			t.Fatalf("got %+v, %v\nwant %+v", got, err, want)
		}
	})
}

// TestSpecOfAnotherKind: a device whose data go another way is not served as if they went ours.
func TestSpecOfAnotherKind(t *testing.T) {
	s := Spec{Size: 1 << 20}.WithDefaults()
	for _, feature := range []Flags{1 << 0, 1 << 2, 1 << 5, 1 << 7, 1 << 8, 1 << 11, 1 << 15, 1 << 16} {
		if _, err := specOf(DevInfo{Flags: FlagIoctlEncode | feature}, s.params()); !errors.Is(err, ErrSpec) {
			t.Errorf("%v: %v", feature, err)
		}
	}
	const oursAllTheSame = 1<<1 | 1<<10 | 1<<13 | 1<<14 // the driver sets these itself
	if _, err := specOf(DevInfo{Flags: oursAllTheSame}, s.params()); err != nil {
		t.Error(err)
	}
}
