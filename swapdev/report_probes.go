package swapdev

import (
	"cmp"
	"slices"

	"github.com/farswap/farswap/bpf"
	"github.com/farswap/farswap/internal/loghist"
	"github.com/farswap/farswap/status"
)

// slabReads adds the block reads of slabs, as the kernel has seen them since the probes
// were opened, to a histogram. Without probes there are none. It makes no system call.
func (e *engine) slabReads(into *loghist.Histogram, slabs ...int) {
	for _, i := range slabs {
		e.probes.SlabReads(i, into)
	}
}

// reportProbes adds what the kernel measured.
func (e *engine) reportProbes(s *status.Device) {
	info := e.probes.Info()
	s.Probes = status.Probes{State: status.ProbesOn, Hooks: info.Hooks, Memory: info.Memory}
	if none, ok := e.probes.(noProbes); ok {
		s.Probes.State, s.Probes.Reason = none.state, none.reason
		return
	}
	for _, m := range info.Missing {
		s.Probes.Missing = append(s.Probes.Missing, string(m.Source))
	}
	snapshot, err := e.probes.Read()
	if err != nil {
		s.Probes.State, s.Probes.Reason = status.ProbesFailed, err.Error()
		return
	}
	s.Probes.MajorFaults, s.Probes.ReadAhead, s.Probes.Lost = snapshot.MajorFaults, snapshot.ReadAhead, snapshot.Lost
	var measured []status.Histogram
	for _, source := range bpf.Sources {
		if h, ok := snapshot.Latency[source]; ok {
			measured = append(measured, status.Histogram{Source: string(source), Latency: status.Distribution(*h)})
		}
	}
	s.Histograms = append(measured, s.Histograms...) // from the application down
	reportCgroups(s, snapshot.Cgroups)
	for i := range s.Slabs {
		var reads loghist.Histogram
		e.slabReads(&reads, s.Slabs[i].Index)
		if reads.Sum == 0 { // most slabs of a large device
			continue
		}
		s.Slabs[i].Latency = status.Quantiles{P50: reads.Quantile(0.5), P99: reads.Quantile(0.99), P999: reads.Quantile(0.999)}
	}
}

// reportCgroups lists control groups, those with the most faults first.
func reportCgroups(s *status.Device, groups []bpf.Cgroup) {
	for _, g := range groups {
		s.Cgroups = append(s.Cgroups, status.CgroupLatency{ID: g.ID, Name: g.Name, Latency: status.Distribution(g.Latency)})
	}
	slices.SortFunc(s.Cgroups, func(a, b status.CgroupLatency) int {
		return cmp.Or(cmp.Compare(b.Latency.Count(), a.Latency.Count()), cmp.Compare(a.Name, b.Name))
	})
}
