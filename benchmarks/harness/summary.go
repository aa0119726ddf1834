package harness

import (
	"github.com/farswap/farswap/benchmarks/workload"
	"github.com/farswap/farswap/internal/stats"
)

// Row is one metric of a cell.
type Row struct {
	Cell
	Metric    string  `json:"metric"`
	Unit      string  `json:"unit"`
	Higher    bool    `json:"higher_is_better"`
	Median    float64 `json:"median"`
	Low       float64 `json:"low"` // the 95% interval
	High      float64 `json:"high"`
	Runs      int     `json:"runs"`
	Disturbed int     `json:"disturbed"` // of the runs
	Failed    int     `json:"failed"`    // beside the runs
	// Ratio to the reference; nil if there is none.
	Ratio *Ratio `json:"against_none,omitempty"`
}

// Ratio says how many times better one is than the other, and the verdict. Above 1 is
// better.
type Ratio struct {
	stats.Interval
	Verdict stats.Verdict `json:"verdict"`
}

// ratio returns the ratio of samples to those of a reference. ok is false if there is none.
func ratio(samples, reference []float64, higher bool, seed uint64) (*Ratio, bool) {
	if !higher {
		samples, reference = reference, samples
	}
	interval, ok := stats.RatioInterval(samples, reference, seed)
	if !ok {
		return nil, false
	}
	return &Ratio{interval, interval.Verdict()}, true
}

// measured collects what the runs of a cell measured.
type measured struct {
	metrics                 []workload.Metric // those of the first run; their values are not used
	values                  map[string][]float64
	runs, disturbed, failed int
}

// measure collects the runs of each cell, without warm-ups.
func measure(runs []Run) map[Cell]*measured {
	cells := map[Cell]*measured{}
	for _, r := range runs {
		if r.Warmup {
			continue
		}
		m := cells[r.Cell]
		if m == nil {
			m = &measured{values: map[string][]float64{}}
			cells[r.Cell] = m
		}
		if r.Failed != "" {
			m.failed++
			continue
		}
		m.runs++
		if len(r.Disturbed) > 0 {
			m.disturbed++
		}
		for _, metric := range r.Metrics {
			if m.values[metric.Name] == nil {
				m.metrics = append(m.metrics, metric)
			}
			m.values[metric.Name] = append(m.values[metric.Name], metric.Value)
		}
	}
	return cells
}

// Rows returns the metrics of all cells that have been run, in the plan's order. A cell in
// which every run failed has none; see Costs.
func Rows(f File) []Row {
	rows := []Row{}
	cells := measure(f.Runs)
	for _, cell := range f.Plan.Cells() {
		m := cells[cell]
		if m == nil {
			continue
		}
		reference := cells[Cell{cell.Workload, Reference, full}]
		for _, metric := range m.metrics {
			values := m.values[metric.Name]
			interval := stats.MedianInterval(values, f.Plan.Seed)
			row := Row{
				Cell: cell, Metric: metric.Name, Unit: metric.Unit, Higher: metric.Higher,
				Median: interval.Value, Low: interval.Low, High: interval.High,
				Runs: len(values), Disturbed: m.disturbed, Failed: m.failed,
			}
			if reference != nil && cell.Backend != Reference {
				row.Ratio, _ = ratio(values, reference.values[metric.Name], metric.Higher, f.Plan.Seed)
			}
			rows = append(rows, row)
		}
	}
	return rows
}
