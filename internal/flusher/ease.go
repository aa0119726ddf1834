package flusher

import (
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/internal/memory"
)

// Ease is a thread that has the others of a real-time server run at plain priority while that has requests come in
// batches and the machine has memory to spare. A real-time queue wakes for the first request of a batch, before the
// program that makes them has made the second, and such a page costs up to twice as much. What only a real-time
// thread gets, the kernel's reserve of memory, is not needed then. Where requests come one at a time, real-time
// priority makes them cheaper.
//
// The thread itself stays real-time, and takes no memory to see a shortage.
type Ease struct {
	wake    int // an eventfd
	ended   chan struct{}
	batches Batches     // set before begun
	begun   atomic.Bool // the thread is to work
	over    atomic.Bool // it is to end
}

// NewEase makes the thread, which waits for Begin. Call it before [Settle], which makes a thread's memory resident.
// Threads stay as they are where the process is not real-time. failed is called, on another goroutine and at most
// once, with the reason why threads are real-time from then on.
func NewEase(failed func(error)) (*Ease, error) {
	info, err := memory.OpenMeminfo()
	if err != nil {
		return nil, fmt.Errorf("watch the machine's memory: %w", err)
	}
	e, err := newEase(info.Read, func(err error) {
		if err = errors.Join(err, info.Close()); err != nil {
			failed(err)
		}
	})
	if err != nil {
		return nil, errors.Join(err, info.Close())
	}
	return e, nil
}

// reading is like [memory.Meminfo.Read].
type reading func() (available, total int64, err error)

// newEase is NewEase with a source of what is available. ended is called on the thread with why it ends, nil for End.
func newEase(memory reading, ended func(error)) (*Ease, error) {
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("watch the machine's memory: eventfd: %w", err)
	}
	e := &Ease{wake: wake, ended: make(chan struct{})}
	go func() {
		defer close(e.ended)
		runtime.LockOSThread() // for good: the thread ends with this goroutine
		ended(e.run(memory))
	}()
	return e, nil
}

// Begin has the thread work. Call it once at most.
func (e *Ease) Begin(batches Batches) error {
	e.batches = batches
	e.begun.Store(true)
	return e.tell()
}

// End makes all threads real-time, if they were, and returns when they are. Call it once, last.
func (e *Ease) End() error {
	e.over.Store(true)
	err := e.tell()
	<-e.ended
	return errors.Join(err, unix.Close(e.wake))
}

// tell ends a wait of the thread.
func (e *Ease) tell() error {
	if _, err := unix.Write(e.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0}); err != nil {
		return fmt.Errorf("wake the watch of the machine's memory: %w", err)
	}
	return nil
}

// wait waits until tell, or for this long; a negative time is without end. It says whether the thread is to end.
func (e *Ease) wait(d time.Duration) (over bool, err error) {
	fds := []unix.PollFd{{Fd: int32(e.wake), Events: unix.POLLIN}}
	if n, err := unix.Poll(fds, int(d/time.Millisecond)); err != nil && !errors.Is(err, unix.EINTR) {
		return false, fmt.Errorf("poll: %w", err)
	} else if n > 0 {
		if _, err := unix.Read(e.wake, make([]byte, 8)); err != nil {
			return false, fmt.Errorf("read an eventfd: %w", err)
		}
	}
	return e.over.Load(), nil
}

// run is the thread. When it returns, all threads are real-time, if they were.
func (e *Ease) run(memory reading) (err error) {
	for !e.begun.Load() {
		if over, err := e.wait(-time.Millisecond); over || err != nil {
			return err
		}
	}
	if on, err := realtime.has(); err != nil || !on {
		return err
	}
	// A thread that cannot become real-time again must not cease to be so: this one tries it.
	if err := errors.Join(setPlain(), realtime.set()); err != nil {
		return fmt.Errorf("become real-time anew: %w", err)
	}
	others := threads{except: unix.Gettid()}
	eased := false
	defer func() {
		if eased {
			err = errors.Join(err, others.set(&realtimePolicy))
		}
	}()
	s, t := newShortage(runtime.NumCPU()), trial{}
	for {
		available, total, err := memory()
		if err != nil {
			return err
		}
		now := time.Now()
		short, next := s.look(available, total, now)
		requests, passes := e.batches()
		if short {
			t = trial{}
		}
		if plain := !short && t.look(requests, passes, now); plain != eased {
			policy := &realtimePolicy
			if plain {
				policy = &plainPolicy
			}
			if err := others.set(policy); err != nil {
				return err
			}
			eased = plain
		}
		if over, err := e.wait(next); over || err != nil {
			return err
		}
	}
}
