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
	// Whole is what this run is expected to take, Later what all after it are; they hold
	// if Known.
	Whole, Later time.Duration
	Known        bool
}

// Left estimates how long steps will take, by the runs so far: the median of the same
// cell's, of the same workload and backend, of the same workload, or of all. It is not
// known before the first run.
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

// wider are a cell and the sets of cells around it.
func wider(c Cell) []Cell {
	return []Cell{c, {Workload: c.Workload, Backend: c.Backend}, {Workload: c.Workload}, {}}
}
