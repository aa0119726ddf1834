package device

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/farswap/farswap/internal/human"
	"github.com/farswap/farswap/status"
)

// How much of two long lists `status` shows.
const (
	slowestShown = 3
	eventsShown  = 5
)

// writeLatencies shows the latencies of every source that has any.
func writeLatencies(w io.Writer, d status.Device) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	head := "\nLATENCY\tCOUNT\tP50\tP99\tP999\n"
	for _, h := range d.Histograms {
		n := h.Latency.Count()
		if n == 0 {
			continue
		}
		fmt.Fprintf(t, "%s%s\t%d\t%s\t%s\t%s\n", head, h.Source, n,
			human.Nanos(h.Latency.Quantile(0.5)), human.Nanos(h.Latency.Quantile(0.99)), human.Nanos(h.Latency.Quantile(0.999)))
		head = ""
	}
	return t.Flush()
}

// writeSlowest shows the slowest requests of the last minute, and where their time
// went.
func writeSlowest(w io.Writer, d status.Device) error {
	if len(d.Slowest) == 0 {
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\nSLOWEST\tPAGE\tTOOK\tQUEUED\tREMOTE\tBACKING\tBLAME")
	for _, p := range d.Slowest[:min(len(d.Slowest), slowestShown)] {
		blame := p.Blame
		if p.Blame == status.BlameDonor {
			blame += " " + p.Donor
		}
		fmt.Fprintf(t, "%s\t%d\t%s\t%s\t%s\t%s\t%s\n", p.Op, p.Page, human.Nanos(p.Total), human.Nanos(p.Queued),
			human.Nanos(p.Remote), human.Nanos(p.Backing), blame)
	}
	return t.Flush()
}

// writeLastEvents shows the last events, if there are any.
func writeLastEvents(w io.Writer, d status.Device) error {
	if len(d.Events) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	return writeEvents(w, d.Events[max(0, len(d.Events)-eventsShown):])
}
