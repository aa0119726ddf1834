package device

import (
	"fmt"
	"slices"
	"strings"

	"github.com/farswap/farswap/internal/human"
	"github.com/farswap/farswap/status"
)

// probesLine says what the kernel measured of page faults, or why it measured nothing. It is
// empty where nobody asked for it.
func probesLine(d status.Device) string {
	switch d.Probes.State {
	case status.ProbesOn:
	case "":
		return ""
	default:
		return d.Probes.State + ": " + d.Probes.Reason
	}
	var parts []string
	i := slices.IndexFunc(d.Histograms, func(h status.Histogram) bool { return h.Source == status.SourceFault })
	if i >= 0 {
		h := &d.Histograms[i].Latency
		parts = append(parts, fmt.Sprintf("faults %d (%d major), p50 %s, p99 %s", h.Count(), d.Probes.MajorFaults,
			human.Nanos(h.Quantile(0.5)), human.Nanos(h.Quantile(0.99))))
	}
	if len(d.Probes.Missing) > 0 {
		parts = append(parts, "missing "+strings.Join(d.Probes.Missing, " "))
	}
	return strings.Join(parts, ", ")
}
