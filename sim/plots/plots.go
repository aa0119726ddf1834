// Package plots draws what package sim computed, as PNG or SVG files.
package plots

import (
	"errors"
	"fmt"
	"image/color"
	"io"
	"os"
	"path/filepath"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"github.com/farswap/farswap/internal/owned"
	"github.com/farswap/farswap/sim"
)

// Formats of files, which are their extensions, too.
var Formats = []string{"png", "svg"}

// Size of a picture.
const (
	width  = 16 * vg.Centimeter
	height = 10 * vg.Centimeter
)

var (
	blue   = color.RGBA{R: 0x1f, G: 0x5a, B: 0xa6, A: 0xff}
	orange = color.RGBA{R: 0xd9, G: 0x6c, B: 0x06, A: 0xff}
	grey   = color.RGBA{R: 0x70, G: 0x70, B: 0x70, A: 0xff}
)

// curve is a line with a name in the legend; without a name it has no entry.
type curve struct {
	name   string
	color  color.Color
	points plotter.XYs
	dots   bool
}

// picture is a file to be.
type picture struct {
	name, title, x, y string
	curves            []curve
	logX              bool
	maxY              float64 // 0: as large as it has to be
}

// Result draws memory use over time, the distribution across machines, and
// evictions into folder, which is made if it is missing. It returns the files
// that it wrote.
func Result(folder, format string, r sim.Result) ([]string, error) {
	var without, with, prepared, evictions plotter.XYs
	for _, m := range r.Series {
		minute := float64(m.Second) / 60
		without = append(without, plotter.XY{X: minute, Y: m.Without})
		with = append(with, plotter.XY{X: minute, Y: m.With})
		prepared = append(prepared, plotter.XY{X: minute, Y: m.With + m.Prepared})
		evictions = append(evictions, plotter.XY{X: minute, Y: float64(m.Evictions)})
	}
	const memory, minutes = "memory used, %", "minutes"
	return draw(folder, format, []picture{
		{
			name: "use", title: "Memory use of the cluster", x: minutes, y: memory, maxY: 100,
			curves: []curve{{"prepared", grey, prepared, false}, {"with lending", orange, with, false}, {"without", blue, without, false}},
		},
		{
			name: "machines", title: "Memory use across machines, averages", x: "machine, by use", y: memory, maxY: 100,
			curves: []curve{{"with lending", orange, ranked(r.PerMachine), false}, {"without", blue, ranked(r.BareMachine), false}},
		},
		{
			name: "evictions", title: "Mapped slabs taken back", x: minutes, y: "evictions so far",
			curves: []curve{{"", orange, evictions, false}},
		},
	})
}

// Scale draws the cost of an event over the number of machines.
func Scale(folder, format string, runs []sim.ScaleRun) ([]string, error) {
	var wall, cpu plotter.XYs
	for _, r := range runs {
		wall = append(wall, plotter.XY{X: float64(r.Machines), Y: r.NanosPerEvent})
		cpu = append(cpu, plotter.XY{X: float64(r.Machines), Y: r.CPUNanosPerEvent})
	}
	return draw(folder, format, []picture{{
		name: "scale", title: "Cost of simulating", x: "machines", y: "ns per event", logX: true,
		curves: []curve{{"wall time", orange, wall, true}, {"processor time", blue, cpu, true}},
	}})
}

// ranked is sorted values over their rank, from 1.
func ranked(values []float64) plotter.XYs {
	points := make(plotter.XYs, len(values))
	for i, v := range values {
		points[i] = plotter.XY{X: float64(i + 1), Y: v}
	}
	return points
}

func draw(folder, format string, pictures []picture) ([]string, error) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, err
	}
	var files []string
	for _, one := range pictures {
		path := filepath.Join(folder, one.name+"."+format)
		if err := one.save(path); err != nil {
			return files, fmt.Errorf("draw %s: %w", path, err)
		}
		files = append(files, path)
	}
	return files, nil
}

func (one picture) save(path string) error {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = one.title, one.x, one.y
	p.Title.Padding = vg.Millimeter
	p.Legend.Top, p.Legend.Left = true, true
	p.Add(plotter.NewGrid())
	for _, c := range one.curves {
		if len(c.points) == 0 {
			return errors.New("nothing to draw: no point in time was kept")
		}
		line, dots, err := plotter.NewLinePoints(c.points)
		if err != nil {
			return err
		}
		line.Color, dots.Color = c.color, c.color
		line.Width = vg.Points(1.5)
		p.Add(line)
		if c.dots {
			p.Add(dots)
		}
		if c.name != "" {
			p.Legend.Add(c.name, line)
		}
	}
	p.Y.Min = 0
	if one.maxY > 0 {
		p.Y.Max = one.maxY
	}
	if p.Y.Max <= 0 {
		p.Y.Max = 1 // nothing happened, and an axis needs a length
	}
	if one.logX && p.X.Min > 0 && p.X.Min < p.X.Max {
		p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: 5}
	}
	picture, err := p.WriterTo(width, height, strings.TrimPrefix(filepath.Ext(path), "."))
	if err != nil {
		return err
	}
	return owned.Replace(path, func(w io.Writer) error {
		_, err := picture.WriteTo(w)
		return err
	})
}
