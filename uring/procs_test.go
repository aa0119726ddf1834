package uring

import (
	"runtime"
	"testing"
)

// GOMAXPROCS counts the open loops that keep their processor, and no others.
func TestLoopsChangeProcessorsWhenAsked(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := runtime.GOMAXPROCS(0)
	var open []*Loop
	for _, step := range []struct {
		keep bool
		want int // processors more than before
	}{{false, 0}, {true, 1}, {false, 1}, {true, 2}} {
		l, err := NewLoop(Config{Entries: 4, KeepProc: step.keep})
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, l)
		if got := runtime.GOMAXPROCS(0) - before; got != step.want {
			t.Errorf("loop %d, KeepProc %v: %d processors more than before, want %d", len(open), step.keep, got, step.want)
		}
	}
	for _, l := range open {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
	if got := runtime.GOMAXPROCS(0); got != before {
		t.Errorf("%d processors after the last Close, want %d", got, before)
	}
}
