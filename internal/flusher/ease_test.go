package flusher

import (
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"testing"
	"time"
)

// easeReport is the main program of a child: it makes itself real-time, and prints for each step whether all of its
// threads got the priority that they should have.
func easeReport() {
	if err := reexec(realtime); err != nil {
		fmt.Println("cannot be real-time:", err)
		return
	}
	var free, requests, passes atomic.Int64
	memory := func() (int64, int64, error) { return free.Load(), 8 << 30, nil }
	batches := func() (uint64, uint64) { return uint64(requests.Load()), uint64(passes.Load()) }
	e, err := newEase(memory, func(err error) {
		if err != nil {
			fmt.Println(err)
		}
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(become(true, func() {}), " ") // not begun
	if err := e.Begin(batches); err != nil {
		fmt.Println(err)
	}
	for _, step := range []struct {
		free           int64
		together, want bool
	}{
		{4 << 30, true, false},
		{1 << 20, true, true},
		{4 << 30, true, false},
		{4 << 30, false, true}, // one request a pass
		{4 << 30, true, false},
	} {
		free.Store(step.free)
		fmt.Print(become(step.want, func() {
			requests.Add(2 * trialLeast)
			if step.together {
				passes.Add(trialLeast)
			} else {
				passes.Add(2 * trialLeast)
			}
		}), " ")
	}
	if err := e.End(); err != nil {
		fmt.Println(err)
	}
	fmt.Print(become(true, func() {}))
}

// become waits until all threads are real-time, or none but the one that watches, and says whether they are.
func become(want bool, each func()) bool {
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
		each()
		if marked, threads := countThreads(realtime); marked == threads && want || marked == 0 && !want {
			return true
		}
	}
	return false
}

// TestEase follows a machine's memory, and how requests come.
func TestEase(t *testing.T) {
	if _, out := run(t, "ease"); mayRealtime() && out != "true true true true true true true" {
		t.Errorf("the steps, each true where all threads had the right priority: %q", out)
	}
}

// TestEaseWithoutMeminfo: what cannot be read ends it, with the reason.
func TestEaseWithoutMeminfo(t *testing.T) {
	failed := make(chan error, 1)
	e, err := newEase(func() (int64, int64, error) { return 0, 0, io.ErrUnexpectedEOF }, func(err error) { failed <- err })
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Begin(nobody); err != nil {
		t.Error(err)
	}
	on, _ := realtime.has()
	if err := <-failed; on != errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("real-time %v, %v", on, err)
	}
	if err := e.End(); err != nil {
		t.Error(err)
	}
}

// TestEaseChangesNothing in a process that is not real-time, and before it has begun.
func TestEaseChangesNothing(t *testing.T) {
	for _, begins := range []bool{true, false} {
		e, err := NewEase(func(err error) { t.Error(err) })
		if err != nil {
			t.Fatal(err)
		}
		if begins {
			err = e.Begin(nobody)
		}
		if err := errors.Join(err, e.End()); err != nil {
			t.Error(err)
		}
	}
}

// nobody makes requests.
func nobody() (requests, passes uint64) { return 0, 0 }
