package swapdev

import (
	"github.com/farswap/farswap/offheap"
	"github.com/farswap/farswap/uring"
)

// makeTimers puts the intervals where the kernel can read them.
func (q *queue) makeTimers() error {
	var err error
	q.timers, q.freeTime, err = offheap.New[uring.Timespec](2)
	if err != nil {
		return err
	}
	q.timers[0].Nsec = int64(parkInterval)
	q.timers[1].Nsec = int64(tickInterval)
	return nil
}

// arm sets a timer, unless it is set.
func (q *queue) arm(timer uint64) {
	i := timer - parkTimer
	if q.armed[i] {
		return
	}
	q.armed[i] = true
	q.loop.SQE(q.class, timer).Timeout(&q.timers[i], 0, 0)
}
