package pseudo

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestScatterIsOntoItself(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(1, 5000).Draw(t, "n")
		step := Scatter(n)
		seen := make([]bool, n)
		for i := range n {
			seen[i*step%n] = true
		}
		if slices.Contains(seen, false) {
			t.Fatalf("step %d leaves some of %d out", step, n)
		}
	})
}

// TestMixIsSplitMix64 compares the words with those of the authors' C code for seed 1234567.
func TestMixIsSplitMix64(t *testing.T) {
	x := uint64(1234567)
	for _, want := range []uint64{6457827717110365317, 3203168211198807973, 9817491932198370423} {
		x += Golden
		if got := Mix(x); got != want {
			t.Errorf("got %d, want %d", got, want)
		}
	}
}

func TestUnit(t *testing.T) {
	if Unit(0) != 0 || Unit(1<<63) != 0.5 || Unit(^uint64(0)) >= 1 {
		t.Errorf("%v, %v, %v", Unit(0), Unit(1<<63), Unit(^uint64(0)))
	}
}
