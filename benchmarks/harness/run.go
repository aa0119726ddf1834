package harness

import (
	"time"

	"github.com/farswap/farswap/benchmarks/backend"
	"github.com/farswap/farswap/benchmarks/workload"
)

// Run is one run of a step. A warm-up has no figures.
type Run struct {
	Step
	Started   time.Time         `json:"started"`
	Seconds   float64           `json:"seconds"` // of the whole run, with bringing up and taking down
	Fill      float64           `json:"fill_seconds,omitempty"`
	MemoryMax int64             `json:"memory_max_bytes,omitempty"` // 0: no limit
	SwapSize  int64             `json:"swap_bytes,omitempty"`
	Metrics   []workload.Metric `json:"metrics,omitempty"`
	Facts     []backend.Fact    `json:"facts,omitempty"` // of the backend
	Counters  *Counters         `json:"counters,omitempty"`
	Latencies Latencies         `json:"latencies,omitempty"`
	// Disturbed says what else happened meanwhile.
	Disturbed []string `json:"disturbed,omitempty"`
	// Failed says why there are no figures. Log has the last lines of the run.
	Failed string   `json:"failed,omitempty"`
	Log    []string `json:"log,omitempty"`
}

// Peak is the memory of a workload without a limit.
type Peak struct {
	Workload string `json:"workload"`
	// Bytes is memory.peak of its control group.
	Bytes int64 `json:"bytes"`
	// File is the page cache that was charged to the group at the end. The kernel gives it
	// up before it swaps.
	File    int64   `json:"file_bytes"`
	Seconds float64 `json:"seconds"` // that the run took
	Failed  string  `json:"failed,omitempty"`
}

// swapUnit is the largest unit in which a backend has its swap: a slab.
const swapUnit = 64 << 20

// SwapSize returns the size of a swap area for a workload of this peak. It is a quarter more
// than the peak, for pages that are in swap and in memory at the same time.
func SwapSize(peak int64) int64 {
	size := peak + peak/4
	return max((size+swapUnit-1)/swapUnit, 4) * swapUnit
}
