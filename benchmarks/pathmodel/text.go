package pathmodel

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/farswap/farswap/internal/human"
	"github.com/farswap/farswap/internal/stats"
)

// WriteText writes the result for people: a table for each cell.
func (r Result) WriteText(w io.Writer) error {
	s := r.Settings
	priority := "plain priority"
	if s.Realtime {
		priority = "real-time priority for device and donor"
	}
	where := "the device a thread beside the application"
	if s.DeviceProcess {
		where = "the device a process of its own"
	}
	out := &errWriter{w: w}
	out.printf("Kernel %s, %d CPUs, load %.1f before and %.1f after. %d turns of %g s, device of %s, seal %s, %s, %s.\n",
		r.Host.Kernel, r.Host.CPUs, r.Host.LoadBegin, r.Host.LoadEnd, s.Turns, s.Seconds, human.Bytes(s.Size), s.Seal, priority, where)
	out.printf("Medians of the turns and their spread. Per page: application + device + server; nbd's device is the thread that receives.\n")
	out.printf("Ratios above 1 are for farswap; those of p50 and CPU time are disturbed less by other programs.\n")
	for _, text := range []struct{ what, why string }{{"Left out", r.LeftOut}, {"No system calls", r.NotCounted}} {
		if text.why != "" {
			out.printf("%s: %s.\n", text.what, text.why)
		}
	}
	for _, c := range r.Cells {
		out.printf("\n%v\n", c.Cell)
		t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "\tpages/s\tfarswap over it\tby p50\tby CPU\tp50\tp99\tCPU, µs a page\tsystem calls a page\tswitches a page")
		for _, f := range c.Contenders {
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", f.Name, rateText(f.PagesPerSecond), c.ratioText(f.Name),
				human.Nanos(f.P50NS), human.Nanos(f.P99NS), partsText(&f.CPUNS, 1000), partsText(f.Calls, 1), partsText(&f.Switches, 1))
		}
		if err := t.Flush(); err != nil {
			return err
		}
	}
	return out.err
}

func rateText(i stats.Interval) string {
	return fmt.Sprintf("%s (%s to %s)", human.Count(i.Value), human.Count(i.Low), human.Count(i.High))
}

// ratioText is farswap's ratios over a contender, in three columns, which are empty for farswap.
func (c CellResult) ratioText(name string) string {
	for _, r := range c.Ratios {
		if r.Over == name {
			return fmt.Sprintf("%.2f× (%.2f to %.2f)\t%.2f×\t%.2f×", r.Value, r.Low, r.High, r.P50, r.CPU)
		}
	}
	return "\t\t"
}

// partsText is what each part uses for a page, in units, and the sum; a dash for what is not known.
func partsText(p *PerPage, unit float64) string {
	if p == nil {
		return "-"
	}
	return fmt.Sprintf("%.2f + %.2f + %.2f = %.2f", p.Application/unit, p.Device/unit, p.Server/unit, p.Sum()/unit)
}

// errWriter remembers its first error.
type errWriter struct {
	w   io.Writer
	err error
}

func (e *errWriter) Write(b []byte) (int, error) {
	n, err := e.w.Write(b)
	if e.err == nil {
		e.err = err
	}
	return n, err
}

func (e *errWriter) printf(format string, args ...any) { _, _ = fmt.Fprintf(e, format, args...) }
