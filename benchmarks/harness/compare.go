package harness

import (
	"slices"

	"github.com/farswap/farswap/internal/stats"
)

// Change is one metric of a cell in two result files.
type Change struct {
	Cell
	Metric string  `json:"metric"`
	Unit   string  `json:"unit"`
	Old    float64 `json:"old"` // medians
	New    float64 `json:"new"`
	// Ratio of new to old; above 1 is better. nil if there is none.
	Ratio *Ratio `json:"ratio,omitempty"`
	// Regression says that new is slower by more than the tolerance, and that the interval
	// shows it.
	Regression bool `json:"regression,omitempty"`
}

// Comparison has what two result files have in common.
type Comparison struct {
	// Differs says in what plan and machine differ. Differences of figures may come from
	// that.
	Differs   []string `json:"differs,omitempty"`
	Tolerance float64  `json:"tolerance"`
	Changes   []Change `json:"changes"`
}

// Compare compares new with old. tolerance is the share by which new may be slower.
func Compare(old, now File, tolerance float64) Comparison {
	c := Comparison{
		Differs:   append(old.Plan.differs(now.Plan), old.Environment.Differs(now.Environment)...),
		Tolerance: tolerance, Changes: []Change{},
	}
	before, after := measure(old.Runs), measure(now.Runs)
	for _, cell := range now.Plan.Cells() {
		a, b := after[cell], before[cell]
		if a == nil || b == nil {
			continue
		}
		for _, metric := range a.metrics {
			values, reference := a.values[metric.Name], b.values[metric.Name]
			if len(reference) == 0 {
				continue
			}
			change := Change{
				Cell: cell, Metric: metric.Name, Unit: metric.Unit,
				Old: stats.Median(reference), New: stats.Median(values),
			}
			change.Ratio, _ = ratio(values, reference, metric.Higher, now.Plan.Seed)
			change.Regression = change.Ratio != nil && change.Ratio.Verdict == stats.Slower && change.Ratio.Value < 1-tolerance
			c.Changes = append(c.Changes, change)
		}
	}
	return c
}

// Regressed returns whether there is a regression.
func (c Comparison) Regressed() bool {
	return slices.ContainsFunc(c.Changes, func(c Change) bool { return c.Regression })
}
