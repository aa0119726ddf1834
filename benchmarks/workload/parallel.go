package workload

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
)

// block is the least number of values that a thread takes at a time. Sums are made block by
// block, in order, so that results do not depend on the number of threads.
const block = 1 << 14

// blocks is the number of blocks of n values, the last of which may be short.
func blocks(n int) int { return (n + block - 1) / block }

// split lets threads work on shares of n values. A share is a run of neighbouring blocks. A
// thread calls f with the number of a block and the bounds of its values, for the blocks of its
// share in order. split returns when all threads are done.
func split(threads, n int, f func(b, low, high int) error) error {
	total := blocks(n)
	return together(threads, func(thread int) error {
		for b := total * thread / threads; b < total*(thread+1)/threads; b++ {
			if err := f(b, b*block, min((b+1)*block, n)); err != nil {
				return err
			}
		}
		return nil
	})
}

// together runs f on threads of their own, and waits for all.
func together(threads int, f func(thread int) error) error {
	results := make(chan error, threads)
	for thread := range threads {
		go func() { results <- guarded(func() error { return f(thread) }) }()
	}
	var err error
	for range threads {
		err = errors.Join(err, <-results)
	}
	return err
}

// guarded runs f on a thread of its own and turns the signal of a failed page fault into
// an error.
func guarded(f func() error) (err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			fault, ok := p.(interface {
				error
				Addr() uintptr
			})
			if !ok {
				panic(p)
			}
			err = fmt.Errorf("%w: %w", ErrUnreadable, fault)
		}
	}()
	return f()
}
