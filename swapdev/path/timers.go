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
	lateTimer // between two looks at what donors are late with
	timerEnd
)

const timerCount = timerEnd - parkTimer

// timers are the timers of a queue. Their intervals lie where the kernel can read them.
type timers struct {
	specs []uring.Timespec // by timer
	armed [timerCount]bool // likewise
	rang  [timerCount]bool // likewise: it has run out, and nothing was done about it yet
	free  func() error     // frees specs
}

// init makes the timers. late is how late a donor is at least. Looking twice as seldom costs
// a queue with one request under way less.
func (t *timers) init(late time.Duration) error {
	var err error
	t.specs, t.free, err = offheap.New[uring.Timespec](timerCount)
	if err != nil {
		return err
	}
	for i, d := range [timerCount]time.Duration{parkInterval, tickInterval, min(2*late, tickInterval)} {
		t.specs[i].Nsec = int64(d)
	}
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

// ring takes up that a timer has run out.
func (t *timers) ring(timer uint64) {
	t.armed[timer-parkTimer], t.rang[timer-parkTimer] = false, true
}

// due reports whether a timer has run out since the last time that it was asked.
func (t *timers) due(timer uint64) bool {
	rang := t.rang[timer-parkTimer]
	t.rang[timer-parkTimer] = false
	return rang
}

// running reports whether a timer runs.
func (t *timers) running() bool { return t.armed != [timerCount]bool{} }
