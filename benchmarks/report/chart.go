package report

import (
	"fmt"
	"math"
	"slices"

	"github.com/farswap/farswap/benchmarks/harness"
	"github.com/farswap/farswap/internal/human"
	"github.com/farswap/farswap/internal/loghist"
)

// Shapes are in units of a view box that is as wide as a telephone, so text keeps its size
// there. A wider screen shows more charts side by side.
const (
	chartWidth = 360
	valueWidth = 56
	letter     = 6.3 // how wide one is, about
	barHeight  = 13
	barStep    = 19
	groupStep  = 24
	axisHeight = 22
)

// bars is a chart of ratios: a group for each limit, a bar for each backend.
type bars struct {
	Title, About string
	Width        int
	Height       float64
	Top, Bottom  float64 // of the plot
	Left         float64 // where bars begin
	One          float64 // where a ratio of 1 is
	Groups       []label
	Bars         []bar
	Ticks        []label
}

type label struct {
	X, Y float64
	Text string
}

type bar struct {
	Series      int // its colour
	Y, Middle   float64
	Width       float64
	Low, High   float64 // ends of the whisker
	Name, Value string
	ValueX      float64
	Height      float64
	Baseline    float64
}

// newBars draws the rows of one metric. ok is false if none has a ratio.
func newBars(workload string, m metricView, backends []string) (b bars, ok bool) {
	most := 1.0
	var rows []harness.Row
	for _, r := range m.Rows {
		if r.Ratio != nil {
			rows = append(rows, r)
			most = max(most, r.Ratio.High)
		}
	}
	if len(rows) == 0 {
		return b, false
	}
	step, end := scale(most)
	left := 14.0
	for _, r := range rows {
		left = max(left, 14+letter*float64(len(r.Backend)))
	}
	right := float64(chartWidth - valueWidth)
	at := func(v float64) float64 { return left + (right-left)*v/end }
	b = bars{
		Title: fmt.Sprintf("%s: %s against all in memory", workload, m.Name),
		About: "Bars are the ratio of medians, above 1 is better; lines the 95% interval.",
		Width: chartWidth, Left: left, One: at(1), Top: 4,
	}
	y := b.Top
	limit := harness.Limit(0)
	for _, r := range rows {
		if r.Limit != limit {
			limit = r.Limit
			y += groupStep
			b.Groups = append(b.Groups, label{0, y - 8, fmt.Sprintf("%v of the peak", limit)})
		}
		b.Bars = append(b.Bars, bar{
			Series: series(backends, r.Backend), Y: y, Middle: y + barHeight/2, Height: barHeight, Baseline: y + barHeight - 3,
			Width: max(at(r.Ratio.Value)-left, 1), Low: at(r.Ratio.Low), High: at(r.Ratio.High),
			Name: r.Backend, Value: times(r.Ratio.Value), ValueX: chartWidth,
		})
		y += barStep
	}
	b.Bottom = y
	b.Height = y + axisHeight
	for i := 0; float64(i)*step <= end*(1+1e-9); i++ {
		v := float64(i) * step
		b.Ticks = append(b.Ticks, label{at(v), y + 14, fmt.Sprintf("%.4g×", v)})
	}
	return b, true
}

// scale returns the end of an axis that begins at 0 and has room for most, and the step of
// its marks.
func scale(most float64) (step, end float64) {
	step = math.Pow(10, math.Floor(math.Log10(most/2)))
	for _, f := range []float64{1, 2, 2.5, 5, 10} {
		if most/(step*f) <= 4 {
			step *= f
			break
		}
	}
	return step, math.Ceil(most/step-1e-9) * step
}

// lines is a chart of latencies over quantiles, both on logarithmic scales.
type lines struct {
	Title, About  string
	Width, Height float64
	Left, Right   float64
	Top, Bottom   float64
	Curves        []curve
	XTicks        []label
	YTicks        []label
	Table         table
}

type curve struct {
	Series int
	Name   string
	Points string // as SVG wants them
	Dash   string // pattern that tells curves apart without colour
}

// shown has the quantiles for which a curve has a point, and their names.
var shown = []struct {
	q    float64
	name string
}{{0.5, "p50"}, {0.9, "p90"}, {0.99, "p99"}, {0.999, "p99.9"}, {0.9999, "p99.99"}}

// leastCount is how many durations must be above a quantile for it to be shown.
const leastCount = 10

var dashes = []string{"none", "6 3", "2 2", "8 3 2 3", "12 4", "4 4", "1 3"}

const latencyHeight = 210

// newLines draws the latencies of one workload at one limit, of the first source in the
// order that has any. ok is false if no source has any.
func newLines(workload string, limit harness.Limit, costs []harness.Cost, backends []string) (l lines, ok bool) {
	for _, source := range sources {
		var with []harness.Cost
		for _, c := range costs {
			if h := c.Latencies[source]; c.Limit == limit && c.Backend != harness.Reference && h != nil && h.Count() >= 2*leastCount {
				with = append(with, c)
			}
		}
		if len(with) > 0 {
			return drawLines(fmt.Sprintf("%s at %v: %s latency", workload, limit, sourceNames[source]), source, with, backends), true
		}
	}
	return l, false
}

var sourceNames = map[string]string{"fault": "page fault", "swapin": "swap-in", "block_read": "block read"}

func drawLines(title, source string, costs []harness.Cost, backends []string) lines {
	least, most := math.Inf(1), 0.0
	for _, c := range costs {
		h := c.Latencies[source]
		for _, s := range shown {
			if far(h, s.q) {
				v := float64(max(h.Quantile(s.q), 1))
				least, most = min(least, v), max(most, v)
			}
		}
	}
	low, high := math.Floor(math.Log10(least)), math.Ceil(math.Log10(most))
	if high <= low {
		high = low + 1
	}
	l := lines{
		Title: title, About: "Measured in the kernel, all runs together; both scales are logarithmic.",
		Width: chartWidth, Height: latencyHeight, Left: 46, Right: chartWidth - 24, Top: 10, Bottom: latencyHeight - 26,
		Table: table{head: []string{"backend", "count"}, left: 1},
	}
	x := func(i int) float64 { return l.Left + (l.Right-l.Left)*float64(i)/float64(len(shown)-1) }
	y := func(ns float64) float64 { return l.Bottom - (l.Bottom-l.Top)*(math.Log10(ns)-low)/(high-low) }
	for i, s := range shown {
		l.XTicks = append(l.XTicks, label{x(i), l.Bottom + 16, s.name})
		l.Table.head = append(l.Table.head, s.name)
	}
	for p := low; p <= high; p++ {
		l.YTicks = append(l.YTicks, label{l.Left - 6, y(math.Pow(10, p)), human.Nanos(int64(math.Pow(10, p)))})
	}
	for _, c := range costs {
		h := c.Latencies[source]
		line := curve{
			Series: series(backends, c.Backend), Name: c.Backend,
			Dash: dashes[slices.Index(backends, c.Backend)%len(dashes)],
		}
		row := []string{c.Backend, human.Count(float64(h.Count()))}
		for i, s := range shown {
			if !far(h, s.q) {
				row = append(row, missing)
				continue
			}
			line.Points += fmt.Sprintf("%.1f,%.1f ", x(i), y(float64(max(h.Quantile(s.q), 1))))
			row = append(row, quantile(h, s.q))
		}
		l.Curves = append(l.Curves, line)
		l.Table.rows = append(l.Table.rows, row)
	}
	return l
}

// colours is the number of colours of the page.
const colours = 10

func series(backends []string, name string) int { return slices.Index(backends, name) % colours }

// far returns whether enough durations are above a quantile.
func far(h *loghist.Histogram, q float64) bool { return float64(h.Count())*(1-q) >= leastCount }
