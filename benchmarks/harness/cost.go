package harness

import "github.com/farswap/farswap/internal/stats"

// Cost is what the runs of a cell cost: medians of their counters, and the latencies of all
// runs together. Shares are those of the time of the measurement: 1 is one processor, or all
// of the time.
type Cost struct {
	Cell
	Runs      int      `json:"runs"`
	Disturbed int      `json:"disturbed"`
	Failed    int      `json:"failed"`
	Reasons   []string `json:"reasons,omitempty"` // of failures and disturbances, each once

	Seconds     float64 `json:"seconds"`
	Fill        float64 `json:"fill_seconds"`
	MajorFaults float64 `json:"major_faults"`
	SwapIn      float64 `json:"swap_in_pages"`
	SwapOut     float64 `json:"swap_out_pages"`
	Waiting     float64 `json:"memory_pressure"` // share of the time in which some task waited for memory
	CPU         Shares  `json:"cpu"`

	Latencies Latencies `json:"latencies,omitempty"`
}

// Shares of processors.
type Shares struct {
	Application float64 `json:"application"`
	Device      float64 `json:"device"`
	Donor       float64 `json:"donor"`
	Kernel      float64 `json:"kernel"`
	Other       float64 `json:"other"`
	Steal       float64 `json:"steal"`
}

// Costs returns the costs of all cells that have been run, in the plan's order.
func Costs(f File) []Cost {
	costs := []Cost{}
	for _, cell := range f.Plan.Cells() {
		var runs []Run
		for _, r := range f.Runs {
			if r.Cell == cell && !r.Warmup {
				runs = append(runs, r)
			}
		}
		if len(runs) > 0 {
			costs = append(costs, cost(cell, runs))
		}
	}
	return costs
}

func cost(cell Cell, runs []Run) Cost {
	c := Cost{Cell: cell, Latencies: Latencies{}}
	said := map[string]bool{}
	reason := func(s string) {
		if !said[s] {
			said[s] = true
			c.Reasons = append(c.Reasons, s)
		}
	}
	var good []Run
	for _, r := range runs {
		if r.Failed != "" {
			c.Failed++
			reason(r.Failed)
			continue
		}
		if len(r.Disturbed) > 0 {
			c.Disturbed++
		}
		for _, d := range r.Disturbed {
			reason(d)
		}
		good = append(good, r)
		c.Latencies.add(r.Latencies)
	}
	c.Runs = len(good)
	if len(good) == 0 {
		return c
	}
	median := func(f func(Run) float64) float64 {
		var values []float64
		for _, r := range good {
			values = append(values, f(r))
		}
		return stats.Median(values)
	}
	share := func(f func(Counters) float64) float64 {
		return median(func(r Run) float64 {
			if r.Counters.Seconds <= 0 {
				return 0
			}
			return f(*r.Counters) / r.Counters.Seconds
		})
	}
	c.Seconds = median(func(r Run) float64 { return r.Counters.Seconds })
	c.Fill = median(func(r Run) float64 { return r.Fill })
	c.MajorFaults = median(func(r Run) float64 { return float64(r.Counters.MajorFaults) })
	c.SwapIn = median(func(r Run) float64 { return float64(r.Counters.SwapIn) })
	c.SwapOut = median(func(r Run) float64 { return float64(r.Counters.SwapOut) })
	c.Waiting = share(func(k Counters) float64 {
		if k.Group == nil {
			return 0
		}
		return k.Group.MemorySome
	})
	c.CPU = Shares{
		Application: share(func(k Counters) float64 { return k.CPU.Application }),
		Device:      share(func(k Counters) float64 { return k.CPU.Device }),
		Donor:       share(func(k Counters) float64 { return k.CPU.Donor }),
		Kernel:      share(func(k Counters) float64 { return k.CPU.Kernel }),
		Other:       share(func(k Counters) float64 { return k.CPU.Other }),
		Steal:       share(func(k Counters) float64 { return k.CPU.Steal }),
	}
	return c
}
