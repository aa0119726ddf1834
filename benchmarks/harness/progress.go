package harness

import (
	"time"

	"github.com/farswap/farswap/internal/stats"
)

// Progress is what a Runner does now.
type Progress struct {
	What    string // the run
	Phase   string // of it
	Run, Of int    // this run, from 1, and how many the plan has
	Elapsed time.Duration
	Ran     time.Duration // of that, in this run
	// Whole is the expected time of this run, Later that of all runs after it. Both are
	// valid only if Known.
	Whole, Later time.Duration
	Known        bool
}

// Left estimates how long steps will take from the median of earlier runs: of the same cell,
// else of the same workload and backend, else of the same workload, else of all. Before the
// first run the time is not known.
func Left(runs []Run, steps []Step) (left time.Duration, known bool) {
	if len(steps) == 0 {
		return 0, true
	}
	if len(runs) == 0 {
		return 0, false
	}
	seconds := map[Cell][]float64{}
	for _, r := range runs {
		for _, key := range wider(r.Cell) {
			seconds[key] = append(seconds[key], r.Seconds)
		}
	}
	var sum float64
	for _, s := range steps {
		for _, key := range wider(s.Cell) {
			if seconds[key] != nil {
				sum += stats.Median(seconds[key])
				break
			}
		}
	}
	return time.Duration(sum * float64(time.Second)), true
}

// wider returns a cell and the sets of cells around it.
func wider(c Cell) []Cell {
	return []Cell{c, {Workload: c.Workload, Backend: c.Backend}, {Workload: c.Workload}, {}}
}
