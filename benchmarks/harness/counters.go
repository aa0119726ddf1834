package harness

import (
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"
)

// Counters are what a run cost between the first and the last moment of its
// measurement.
type Counters struct {
	Seconds     float64 `json:"seconds"`
	Faults      int64   `json:"faults"`       // of the application's control group
	MajorFaults int64   `json:"major_faults"` // of these
	SwapIn      int64   `json:"swap_in"`      // pages, of the whole machine
	SwapOut     int64   `json:"swap_out"`
	PageCache   int64   `json:"page_cache_bytes"` // of the machine, at the beginning
	CPU         CPU     `json:"cpu"`
	// Pressure of the control group and of the machine; nil if the kernel has no PSI.
	Group   *Pressure `json:"pressure_group,omitempty"`
	Machine *Pressure `json:"pressure_machine,omitempty"`
}

// CPU is processor time in seconds.
type CPU struct {
	Available   float64 `json:"available"` // of all processors together
	Application float64 `json:"application"`
	Load        float64 `json:"load"`   // this program, and the load generators that it started
	Device      float64 `json:"device"` // the backend's servers on the swapping side
	Donor       float64 `json:"donor"`  // and on the other one
	Kernel      float64 `json:"kernel"` // its threads, and interrupts
	Other       float64 `json:"other"`  // other processes
	Steal       float64 `json:"steal"`  // what the hypervisor gave to others
}

// reading is all counters at one moment. Times count from some start.
type reading struct {
	at             time.Time
	machine        machineTime
	kernel         time.Duration
	swapIn         int64
	swapOut        int64
	cached         int64
	faults         int64
	majorFaults    int64
	app, load      time.Duration
	device, donor  time.Duration
	group, overall *Pressure
}

// readCounters reads the machine's counters and those of the application's control
// group; self has those of the group of this program, nil without one.
func readCounters(root, group, self fs.FS, at time.Time) (reading, error) {
	r := reading{at: at}
	failed := func(err error) (reading, error) { return r, fmt.Errorf("read counters: %w", err) }
	text, err := fs.ReadFile(root, "proc/stat")
	if err != nil {
		return failed(err)
	}
	if r.machine, err = parseStat(text); err != nil {
		return failed(err)
	}
	if r.kernel, err = kernelThreads(root); err != nil {
		return failed(err)
	}
	vmstat, err := readNumbers(root, "proc/vmstat")
	if err != nil {
		return failed(err)
	}
	r.swapIn, r.swapOut = vmstat["pswpin"], vmstat["pswpout"]
	meminfo, err := fs.ReadFile(root, "proc/meminfo")
	if err != nil {
		return failed(err)
	}
	kib, err := strconv.ParseInt(strings.TrimSuffix(firstField(string(meminfo), "Cached", ""), " kB"), 10, 64)
	if err != nil {
		return failed(fmt.Errorf("/proc/meminfo: Cached: %w", errFormat))
	}
	r.cached = kib << 10
	if r.overall, err = readPressure(root, func(s string) string { return "proc/pressure/" + s }); err != nil {
		return failed(err)
	}
	memory, err := readNumbers(group, "memory.stat")
	if err != nil {
		return failed(err)
	}
	r.faults, r.majorFaults = memory["pgfault"], memory["pgmajfault"]
	if r.group, err = readPressure(group, func(s string) string { return s + ".pressure" }); err != nil {
		return failed(err)
	}
	if r.app, err = groupCPU(group); err != nil {
		return failed(err)
	}
	if self != nil {
		if r.load, err = groupCPU(self); err != nil {
			return failed(err)
		}
	}
	return r, nil
}

func groupCPU(group fs.FS) (time.Duration, error) {
	stat, err := readNumbers(group, "cpu.stat")
	return time.Duration(stat["usage_usec"]) * time.Microsecond, err
}

// since returns what was counted after before was read.
func (r reading) since(before reading) Counters {
	seconds := func(now, then time.Duration) float64 { return (now - then).Seconds() }
	m, b := r.machine, before.machine
	busy := seconds(m.user+m.system, b.user+b.system)
	c := CPU{
		Application: seconds(r.app, before.app),
		Load:        seconds(r.load, before.load),
		Device:      seconds(r.device, before.device),
		Donor:       seconds(r.donor, before.donor),
		Steal:       seconds(m.steal, b.steal),
	}
	interrupts, threads := seconds(m.interrupt, b.interrupt), max(0, seconds(r.kernel, before.kernel))
	c.Kernel = interrupts + threads
	c.Other = max(0, busy-threads-c.Application-c.Load-c.Device-c.Donor)
	c.Available = busy + interrupts + c.Steal + seconds(m.idle, b.idle)
	return Counters{
		Seconds: r.at.Sub(before.at).Seconds(),
		Faults:  r.faults - before.faults, MajorFaults: r.majorFaults - before.majorFaults,
		SwapIn: r.swapIn - before.swapIn, SwapOut: r.swapOut - before.swapOut,
		PageCache: before.cached, CPU: c,
		Group: r.group.since(before.group), Machine: r.overall.since(before.overall),
	}
}
