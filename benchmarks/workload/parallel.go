package workload

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
)

// block is the number of values that threads take at a time at least. What is added up is
// added up block by block, in order, so that results do not hang on the number of threads.
const block = 1 << 14

// blocks is the number of blocks of n values, the last of which may be short.
func blocks(n int) int { return (n + block - 1) / block }

// split has threads work on their shares of n values, neighbouring blocks each; f is given
// a block's number and the bounds of its values, and runs for the blocks of a share in
// order. It returns when all are done.
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
