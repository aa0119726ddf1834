package placement

import (
	"errors"
	"time"

	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/swapdev/journal"
)

// Pauses of Release.
const (
	releaseFirst  = 50 * time.Microsecond // before the second look at what is in flight
	ReleasePause  = time.Millisecond      // between later looks
	releaseReport = 10 * time.Second
)

// Failed is a slab whose remote copies are void.
type Failed struct {
	Slab  int
	Epoch uint64 // of the failed slab
}

// Fail voids every remote copy that a donor has, and returns the slabs that are nowhere else.
// A slab that was moving away from the donor is at the new one from now on, with what has
// been moved. A slab that was moving to the donor is back at the old one, with what has not.
//
// Precondition: nobody gives the donor a slab any more. Moves away from it may begin and end
// meanwhile.
func Fail(pages *slabmap.Map, donor uint16) []Failed {
	var failed []Failed
	for slab := range pages.Geometry().Slabs() {
		failed = append(failed, FailSlab(pages, slab, donor)...)
	}
	return failed
}

// FailSlab is Fail for one slab: it returns the slab, or nothing.
func FailSlab(pages *slabmap.Map, slab int, donor uint16) []Failed {
	for {
		epoch, done := lookAt(pages, slab).leave(pages, slab, donor)
		switch {
		case done && epoch != 0:
			return []Failed{{slab, epoch}}
		case done:
			return nil
		}
	}
}

// seen is what two looks at a slab have shown. It may have changed between them, and since.
type seen struct {
	slab slabmap.Slab

	// Of the second look.
	old   uint16
	moves bool
}

func lookAt(pages *slabmap.Map, slab int) seen {
	s := seen{slab: pages.Slab(slab)}
	s.old, s.moves = pages.OldDonor(slab)
	return s
}

// leave takes a slab away from a lost donor. It reports false if the slab has changed since
// it was looked at, so that it may still be there. epoch is the slab's if it has failed,
// else 0.
func (s seen) leave(pages *slabmap.Map, slab int, donor uint16) (epoch uint64, done bool) {
	var err error
	switch {
	case s.slab.State == slabmap.Migrating && !s.moves:
		return 0, false // it changed between the looks, and may be back at its old donor
	case s.moves && s.old == donor:
		err = pages.EndMove(slab, s.slab.Epoch)
	case s.slab.Donor != donor || !Holds(s.slab):
	case s.slab.State == slabmap.Migrating:
		_, err = pages.AbortMove(slab, s.slab.Epoch, donor)
	default:
		epoch, err = pages.Fail(slab, s.slab.Epoch)
	}
	return epoch, err == nil
}

// Release frees failed slabs for another donor when the last operation on them has ended.
// Each operation ends, because its connection is down or has a deadline. ended is closed
// when the device's queues have ended.
func Release(pages *slabmap.Map, j *journal.Journal, ended <-chan struct{}, failed []Failed) {
	for _, f := range failed {
		begun, reported := time.Now(), time.Duration(0)
		for pause := releaseFirst; ; pause = min(2*pause, ReleasePause) {
			err := pages.Release(f.Slab, f.Epoch)
			if err == nil {
				break
			}
			if !errors.Is(err, slabmap.ErrBusy) || closed(ended) {
				j.Error(status.EventSlabStuck, "slab cannot be released").At(f.Slab).Because(err).Tell()
				break
			}
			if waited := time.Since(begun); waited > reported+releaseReport {
				reported = waited
				j.Warn(status.EventSlabStuck, "operations of a lost donor have not ended").At(f.Slab).With("waited", waited).Tell()
			}
			time.Sleep(pause)
		}
	}
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
