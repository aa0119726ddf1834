package swapdev

import (
	"errors"
	"fmt"
	"os"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/bpf"
	"github.com/farswap/farswap/internal/loghist"
	"github.com/farswap/farswap/slabmap"
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

// probes are those of package bpf. The engine reads them on its control goroutines only: a
// read makes system calls and allocates.
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

// openProbes attaches probes, if the setting wants them. It logs once what the kernel does
// not have.
func openProbes(setting Probes, log zerolog.Logger, attach func() (probes, error)) (probes, error) {
	if setting == ProbesOff {
		return noProbes{status.ProbesOff, "turned off"}, nil
	}
	p, err := attach()
	if err != nil && setting == ProbesOn {
		return nil, fmt.Errorf("%w: %w", ErrProbes, err)
	}
	if err != nil {
		log.Warn().Err(err).Msg("no latency is measured in the kernel")
		state := status.ProbesFailed
		if errors.Is(err, bpf.ErrUnsupported) || errors.Is(err, bpf.ErrPermission) {
			state = status.ProbesOff
		}
		return noProbes{state, err.Error()}, nil
	}
	for _, m := range p.Info().Missing {
		log.Warn().Err(m.Why).Str("histogram", string(m.Source)).Msg("this kernel has no hook for a histogram")
	}
	log.Info().Strs("hooks", p.Info().Hooks).Int64("bytes", p.Info().Memory).Msg("latency is measured in the kernel")
	return p, nil
}

// attachProbes attaches probes to the started device, before anything is swapped to it.
func attachProbes(path string, g slabmap.Geometry, queues, depth int) (probes, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return nil, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	return bpf.Open(bpf.Config{
		Major: unix.Major(st.Rdev), Minor: unix.Minor(st.Rdev), Size: g.Size, SlabSize: g.SlabSize, Queues: queues, Depth: depth,
	})
}
