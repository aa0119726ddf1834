package pathmodel

import (
	"github.com/farswap/farswap/internal/loghist"
	"github.com/farswap/farswap/internal/stats"
)

// Result is what Run has measured.
type Result struct {
	Host     Host     `json:"host"`
	Settings Settings `json:"settings"`
	// NotCounted says why there are no system calls, "" if there are; LeftOut which model of nbd is missing, and why.
	NotCounted string       `json:"not_counted,omitempty"`
	LeftOut    string       `json:"left_out,omitempty"`
	Cells      []CellResult `json:"cells"`
}

// Host is where it was measured. The loads are those of /proc/loadavg over a minute, before the
// first cell and after the last: other programs' share of the first one disturbed the figures.
type Host struct {
	Kernel    string  `json:"kernel"`
	CPUs      int     `json:"cpus"`
	LoadBegin float64 `json:"load_begin"`
	LoadEnd   float64 `json:"load_end"`
}

// Settings are those of the Config that bear on the figures.
type Settings struct {
	Seconds  float64 `json:"seconds"` // of a turn
	Turns    int     `json:"turns"`
	Size     int64   `json:"size"` // bytes
	CPUs     []int   `json:"cpus"` // of the modes one and apart
	Seal     string  `json:"seal"`
	Realtime bool    `json:"realtime"`
	// DeviceProcess says that the device was a process of its own.
	DeviceProcess bool `json:"device_process"`
}

// CellResult has the figures of one cell.
type CellResult struct {
	Cell
	Contenders []Figures `json:"contenders"` // farswap is the first
	Ratios     []Ratio   `json:"ratios"`
}

// Figures are those of one contender in one cell.
type Figures struct {
	Name  string `json:"name"`
	Pages int64  `json:"pages"` // of all turns
	// PagesPerSecond is the median of the turns, with its bootstrap interval: with three turns
	// it goes from the slowest to the fastest.
	PagesPerSecond stats.Interval `json:"pages_per_second"`
	// Latencies are those of all turns together, from the request to the woken thread.
	P50NS int64 `json:"p50_ns"`
	P99NS int64 `json:"p99_ns"`
	// What a page took, on average over all turns.
	CPUNS    PerPage `json:"cpu_ns_per_page"`
	Switches PerPage `json:"switches_per_page"`
	// Calls are counted in a turn of their own. nil: see Result.NotCounted.
	Calls *PerPage `json:"calls_per_page"`
}

// PerPage is what the parts use for a page. The device of nbd is the thread that receives; the
// server of farswap is the donor.
type PerPage struct {
	Application float64 `json:"application"`
	Device      float64 `json:"device"`
	Server      float64 `json:"server"`
}

// Sum is what all parts use.
func (p PerPage) Sum() float64 { return p.Application + p.Device + p.Server }

// Ratio is how many pages a second farswap moves for each one of a model of nbd. Above 1,
// farswap is better, also in the other two figures, which a busy host disturbs less.
type Ratio struct {
	Over string `json:"over"`
	stats.Interval
	P50 float64 `json:"p50"` // nbd's p50 over farswap's
	CPU float64 `json:"cpu"` // nbd's CPU time of a page over farswap's
}

// turn is one burst of a contender, and what it used.
type turn struct {
	burst
	used [parts]used
}

func (t turn) rate() float64 { return float64(t.count) / t.seconds }

// perPage divides what parts have used among pages.
func perPage(pages int64, of func(part int) float64) PerPage {
	share := func(part int) float64 { return of(part) / float64(pages) }
	return PerPage{Application: share(application), Device: share(device), Server: share(server)}
}

// newFigures sums the turns of a contender up. counted is the one in which system calls were
// counted, nil: they were not. Preconditions: each turn has moved a page.
func newFigures(name string, turns []turn, counted *turn) Figures {
	f := Figures{Name: name}
	var latency loghist.Histogram
	var sum [parts]used
	for _, t := range turns {
		f.Pages += t.count
		latency.Add(&t.latency)
		for part := range parts {
			sum[part] = sum[part].add(t.used[part])
		}
	}
	f.PagesPerSecond = stats.MedianInterval(rates(turns), seed)
	f.P50NS, f.P99NS = latency.Quantile(0.50), latency.Quantile(0.99)
	f.CPUNS = perPage(f.Pages, func(part int) float64 { return float64(sum[part].cpu) })
	f.Switches = perPage(f.Pages, func(part int) float64 { return float64(sum[part].switches) })
	if counted != nil {
		calls := perPage(counted.count, func(part int) float64 { return float64(counted.used[part].calls) })
		f.Calls = &calls
	}
	return f
}

func rates(turns []turn) (all []float64) {
	for _, t := range turns {
		all = append(all, t.rate())
	}
	return all
}

// newRatio compares turns of farswap, and its figures, with those of a model of nbd.
// Preconditions: either has used CPU time.
func newRatio(ours []turn, own Figures, theirs []turn, other Figures) Ratio {
	ratio, _ := stats.RatioInterval(rates(ours), rates(theirs), seed) // there is one: rates are above 0
	return Ratio{
		Over: other.Name, Interval: ratio,
		P50: float64(other.P50NS) / float64(own.P50NS), CPU: other.CPUNS.Sum() / own.CPUNS.Sum(),
	}
}

// seed is that of bootstrap intervals and of the order of pages.
const seed = 1
