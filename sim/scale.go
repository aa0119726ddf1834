package sim

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"syscall"
	"time"
)

// ScaleKnown is how many donors a device knows in a simulation of scale, since no device knows ten thousand.
const ScaleKnown = 128

// ScaleRun has the cost of a simulation, beside its result.
type ScaleRun struct {
	Hours            float64 `json:"hours"`
	WallSeconds      float64 `json:"wall_s"`
	CPUSeconds       float64 `json:"cpu_s"`
	PeakBytes        int64   `json:"peak_bytes"` // VmHWM
	NanosPerEvent    float64 `json:"ns_per_event"`
	CPUNanosPerEvent float64 `json:"cpu_ns_per_event"`
	Result
}

// ScaleConfig is config with the given number of machines, 2.8 containers on each, for the given hours.
func ScaleConfig(config Config, machines int, hours float64) Config {
	c := &config.Workload.Cluster
	c.Machines, c.Containers, c.Hours = machines, machines*28/10, hours
	c.Warmup = min(c.Warmup, hours*3600/2)
	if config.Known == 0 {
		config.Known = ScaleKnown
	}
	return config
}

// Scale runs config and measures this process meanwhile. Other work of the process counts, too.
func Scale(ctx context.Context, config Config, progress func(second, of int)) (ScaleRun, error) {
	debug.FreeOSMemory()
	resetPeak()
	begun, before := time.Now(), cpuTime()
	r, err := Run(ctx, config, progress)
	if err != nil {
		return ScaleRun{}, err
	}
	wall, cpu := time.Since(begun), cpuTime()-before
	peak, err := peakMemory()
	return ScaleRun{
		Hours: config.Workload.Cluster.Hours, WallSeconds: wall.Seconds(), CPUSeconds: cpu.Seconds(), PeakBytes: peak,
		NanosPerEvent:    float64(wall.Nanoseconds()) / float64(r.Events),
		CPUNanosPerEvent: float64(cpu.Nanoseconds()) / float64(r.Events),
		Result:           r,
	}, err
}

// cpuTime is the CPU time of all threads of this process.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// resetPeak begins a new VmHWM. If the kernel refuses, the peak of the whole process remains, which is not less.
func resetPeak() { _ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) }

// peakMemory is VmHWM in bytes.
func peakMemory() (int64, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, fmt.Errorf("peak memory: %w", err)
	}
	_, rest, _ := bytes.Cut(status, []byte("VmHWM:"))
	fields := bytes.Fields(rest)
	if len(fields) == 0 {
		return 0, fmt.Errorf("peak memory: /proc/self/status has no VmHWM")
	}
	kib, err := strconv.ParseInt(string(fields[0]), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("peak memory: VmHWM in /proc/self/status: %w", err)
	}
	return kib << 10, nil
}
