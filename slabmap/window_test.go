package slabmap

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
)

// Each test here aims many threads at one window of a few nanoseconds that
// the concurrent history seldom meets.

func windowRounds() int {
	if testing.Short() {
		return 10_000
	}
	return 50_000
}

// TestCountedInStaysMapped: between AcquireRead and Done a draining slab must
// not become unmapped.
func TestCountedInStaysMapped(t *testing.T) {
	m, _ := newMap(t, small)
	var stop atomic.Bool
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for !stop.Load() {
				s, ok := m.AcquireRead(0)
				if !ok {
					continue
				}
				if now := m.Slab(0); now.Epoch != s.Epoch || now.Donor != s.Donor {
					t.Errorf("acquired %+v, which became %+v", s, now)
					stop.Store(true)
				}
				m.Done(0, s.Epoch)
			}
		})
	}
	for range windowRounds() {
		if stop.Load() {
			break
		}
		epoch := mapped(t, m, 0, 3)
		must(t, m.BeginDrain(0, epoch))
		for err := ErrBusy; err != nil; {
			if err = m.EndDrain(0, epoch); err != nil && !errors.Is(err, ErrBusy) {
				t.Fatal(err)
			}
		}
	}
	stop.Store(true)
	readers.Wait()
}

// TestLookIsOneMoment: a page that always has a copy is never seen without
// one, though the copy moves and the slab fails.
func TestLookIsOneMoment(t *testing.T) {
	m, _ := newMap(t, small)
	var stop atomic.Bool
	var readers sync.WaitGroup
	write(t, m, 0, Written{Backing: true})
	for range 2 {
		readers.Go(func() {
			for !stop.Load() {
				if v := m.Look(0); v.Place == None {
					t.Errorf("page without a copy: %+v", v)
					stop.Store(true)
				}
			}
		})
	}
	for range windowRounds() {
		if stop.Load() {
			break
		}
		epoch := mapped(t, m, 0, 3)
		write(t, m, 0, Written{Remote: true, Epoch: epoch})
		write(t, m, 0, Written{Backing: true})
		failed, err := m.Fail(0, epoch)
		must(t, err)
		must(t, m.Release(0, failed))
	}
	stop.Store(true)
	readers.Wait()
}
