package harness

import (
	"fmt"
	"time"
)

// Shares of all processors' time from which on a run counts as disturbed, and for how
// long at least: counters of /proc are coarse, and a short run is nothing but noise.
const (
	maxSteal  = 0.01
	maxOther  = 0.05
	leastTime = 50 * time.Millisecond
)

// maxClock is by how much the time of day may go wrong during a run.
const maxClock = time.Second

// disturbances say what else happened on the machine during a run; clock is how much the
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
