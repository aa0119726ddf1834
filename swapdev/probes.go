package swapdev

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/bpf"
	"github.com/farswap/farswap/internal/loghist"
	"github.com/farswap/farswap/status"
)

// Probes says whether latency is measured in the kernel.
type Probes string

// Settings of the probes.
const (
	ProbesAuto Probes = "auto" // if the kernel and the privileges allow it
	ProbesOn   Probes = "on"   // or the device is not made
	ProbesOff  Probes = "off"
)

// probes are those of package bpf, which the engine reads on its control goroutines
// only: a read makes system calls and allocates.
type probes interface {
	Info() bpf.Info
	Read() (bpf.Snapshot, error)
	SlabReads(slab int, into *loghist.Histogram)
	Close() error
}

// noProbes measure nothing.
type noProbes struct {
	state, reason string // as in status.Probes
}

func (noProbes) Info() bpf.Info                    { return bpf.Info{} }
func (noProbes) Read() (bpf.Snapshot, error)       { return bpf.Snapshot{}, nil }
func (noProbes) SlabReads(int, *loghist.Histogram) {}
func (noProbes) Close() error                      { return nil }

// openProbes attaches probes, if the setting wants them. What the kernel has not got is
// said once.
func openProbes(cfg Config, attach func() (probes, error)) (probes, error) {
	if cfg.Probes == ProbesOff {
		return noProbes{status.ProbesOff, "--probes off"}, nil
	}
	p, err := attach()
	if err != nil && cfg.Probes == ProbesOn {
		return nil, fmt.Errorf("--probes on: %w", err)
	}
	if err != nil {
		cfg.Log.Warn().Err(err).Msg("no latency is measured in the kernel; --probes off says that this is meant")
		state := status.ProbesFailed
		if errors.Is(err, bpf.ErrUnsupported) || errors.Is(err, bpf.ErrPermission) {
			state = status.ProbesOff
		}
		return noProbes{state, err.Error()}, nil
	}
	for _, m := range p.Info().Missing {
		cfg.Log.Warn().Err(m.Why).Str("histogram", string(m.Source)).Msg("this kernel has no hook for a histogram")
	}
	cfg.Log.Info().Strs("hooks", p.Info().Hooks).Int64("bytes", p.Info().Memory).Msg("latency is measured in the kernel")
	return p, nil
}

// attachProbes attaches probes to the started device, before anything is swapped to it.
func attachProbes(path string, e *engine) (probes, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return nil, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	g := e.pages.Geometry()
	return bpf.Open(bpf.Config{
		Major: unix.Major(st.Rdev), Minor: unix.Minor(st.Rdev), Size: g.Size, SlabSize: g.SlabSize,
		Queues: e.spec.Queues, Depth: e.spec.Depth,
	})
}

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
			measured = append(measured, status.Histogram{Source: string(source), Latency: *h})
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
		s.Cgroups = append(s.Cgroups, status.CgroupLatency{ID: g.ID, Name: g.Name, Latency: g.Latency})
	}
	slices.SortFunc(s.Cgroups, func(a, b status.CgroupLatency) int {
		return cmp.Or(cmp.Compare(b.Latency.Count(), a.Latency.Count()), cmp.Compare(a.Name, b.Name))
	})
}
