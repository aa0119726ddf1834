package path

import (
	"time"

	"github.com/farswap/farswap/offheap"
	"github.com/farswap/farswap/uring"
)

// Intervals of a queue's timers.
const (
	parkInterval = time.Millisecond      // between two tries of what is parked
	tickInterval = 50 * time.Millisecond // between two looks at deadlines
)

// Identifiers of timers, above those of all parts.
const (
	parkTimer = 1<<55 + iota
	tickTimer
)

// timers are the two timers of a queue. Their intervals lie where the kernel can read
// them.
type timers struct {
	specs []uring.Timespec // parkTimer, tickTimer
	armed [2]bool          // likewise
	free  func() error     // frees specs
}

func (t *timers) init() error {
	var err error
	t.specs, t.free, err = offheap.New[uring.Timespec](2)
	if err != nil {
		return err
	}
	t.specs[0].Nsec = int64(parkInterval)
	t.specs[1].Nsec = int64(tickInterval)
	return nil
}

// arm sets a timer, unless it is set.
func (t *timers) arm(loop *uring.Loop, class uring.Class, timer uint64) {
	i := timer - parkTimer
	if t.armed[i] {
		return
	}
	t.armed[i] = true
	loop.SQE(class, timer).Timeout(&t.specs[i], 0, 0)
}

// rung takes up that a timer has run out.
func (t *timers) rung(timer uint64) { t.armed[timer-parkTimer] = false }

// running reports whether a timer runs.
func (t *timers) running() bool { return t.armed != [2]bool{} }
