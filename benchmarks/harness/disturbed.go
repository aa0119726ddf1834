package harness

import (
	"fmt"
	"time"
)

// A run counts as disturbed from these shares of all processors' time on, and from this time
// on. The least time is there because counters of /proc are coarse, and a short run would be
// nothing but noise.
const (
	maxSteal  = 0.01
	maxOther  = 0.05
	leastTime = 50 * time.Millisecond
)

// maxClock is how far the time of day may go wrong during a run.
const maxClock = time.Second

// disturbances says what else happened on the machine during a run. clock is how far the
// time of day ran ahead of the time that passed.
func disturbances(c Counters, clock time.Duration) []string {
	var all []string
	share := func(what string, used, limit float64) {
		if c.CPU.Available > 0 && used > limit*c.CPU.Available && used > leastTime.Seconds() {
			all = append(all, fmt.Sprintf("%s took %.1f%% of the processors' time", what, 100*used/c.CPU.Available))
		}
	}
	share("the hypervisor", c.CPU.Steal, maxSteal)
	share("other processes", c.CPU.Other, maxOther)
	if clock.Abs() > maxClock {
		all = append(all, fmt.Sprintf("the clock was set, or the machine slept: %v", clock.Round(time.Millisecond)))
	}
	return all
}
