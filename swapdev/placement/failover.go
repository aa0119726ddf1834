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

// Fail voids every remote copy that a donor has. What was moved away from it already
// counts where it is now.
func Fail(pages *slabmap.Map, donor uint16) []Failed {
	var failed []Failed
	for slab := range pages.Geometry().Slabs() {
		s := pages.Slab(slab)
		if old, ok := pages.OldDonor(slab); ok && old == donor {
			_ = pages.EndMove(slab, s.Epoch) // the mover may have been faster
			continue
		}
		if s.Donor != donor || !Holds(s) {
			continue
		}
		if epoch, err := pages.Fail(slab, s.Epoch); err == nil {
			failed = append(failed, Failed{slab, epoch})
		}
	}
	return failed
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
