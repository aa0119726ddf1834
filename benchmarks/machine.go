package benchmarks

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
)

// Process is a process whose cost a run records, such as a swap device's
// server.
type Process struct {
	Name string
	PID  int
}

// ProcessUsage is what all threads of a process used together.
type ProcessUsage struct {
	Name       string  `json:"name"`
	CPUSeconds float64 `json:"cpu_seconds"` // user and system
	Switches   int64   `json:"switches"`    // context switches, of threads that still live
}

// MachineUsage is what the whole machine used. The work of interrupts and of kernel
// threads is in System and Interrupt.
type MachineUsage struct {
	UserSeconds      float64 `json:"user_seconds"`
	SystemSeconds    float64 `json:"system_seconds"`
	InterruptSeconds float64 `json:"interrupt_seconds"` // hard and soft
	IdleSeconds      float64 `json:"idle_seconds"`      // waiting for I/O included
	Switches         int64   `json:"switches"`
}

// Busy is the part of the processors' time that was used, 0 to 1.
func (m MachineUsage) Busy() float64 {
	used := m.UserSeconds + m.SystemSeconds + m.InterruptSeconds
	return quotient(used, used+m.IdleSeconds)
}

// userHZ is the unit of CPU times in /proc, fixed in the kernel's ABI.
const userHZ = 100

// errProc means that a file of /proc has another format than expected.
var errProc = errors.New("unexpected content")

// readProcess adds up what a process has used since its start.
func readProcess(proc string, p Process) (ProcessUsage, error) {
	usage := ProcessUsage{Name: p.Name}
	dir := filepath.Join(proc, strconv.Itoa(p.PID))
	stat, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return usage, fmt.Errorf("read the usage of %s: %w", p.Name, err)
	}
	if usage.CPUSeconds, err = parseProcessStat(stat); err != nil {
		return usage, fmt.Errorf("read the usage of %s, process %d: %w", p.Name, p.PID, err)
	}
	threads, err := filepath.Glob(filepath.Join(dir, "task", "*", "status"))
	if err != nil {
		return usage, err
	}
	for _, path := range threads {
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue // the thread has just ended
		}
		if err != nil {
			return usage, fmt.Errorf("read the usage of %s: %w", p.Name, err)
		}
		usage.Switches += numberAfter(text, "\nvoluntary_ctxt_switches:") + numberAfter(text, "\nnonvoluntary_ctxt_switches:")
	}
	return usage, nil
}

// parseProcessStat returns user and system time, fields 14 and 15 of
// /proc/PID/stat. The second field, a name in parentheses, may hold anything.
func parseProcessStat(text []byte) (float64, error) {
	end := bytes.LastIndexByte(text, ')')
	fields := bytes.Fields(text[end+1:])
	if end < 0 || len(fields) < 13 {
		return 0, fmt.Errorf("stat: %q: %w", text, errProc)
	}
	user, err1 := strconv.ParseInt(string(fields[11]), 10, 64)
	system, err2 := strconv.ParseInt(string(fields[12]), 10, 64)
	return float64(user+system) / userHZ, errors.Join(err1, err2)
}

// readMachine adds up what the machine has used since it booted.
func readMachine(proc string) (MachineUsage, error) {
	text, err := os.ReadFile(filepath.Join(proc, "stat"))
	if err != nil {
		return MachineUsage{}, fmt.Errorf("read the machine's usage: %w", err)
	}
	m, err := parseStat(text)
	if err != nil {
		return MachineUsage{}, fmt.Errorf("read the machine's usage: %w", err)
	}
	return m, nil
}

// parseStat reads the first line of /proc/stat: user, nice, system, idle,
// iowait, irq, softirq; and its count of context switches.
func parseStat(text []byte) (MachineUsage, error) {
	line, rest, _ := bytes.Cut(text, []byte("\n"))
	fields := bytes.Fields(line)
	if len(fields) < 8 || string(fields[0]) != "cpu" {
		return MachineUsage{}, fmt.Errorf("/proc/stat: %q: %w", line, errProc)
	}
	var seconds [7]float64
	for i := range seconds {
		ticks, err := strconv.ParseInt(string(fields[i+1]), 10, 64)
		if err != nil {
			return MachineUsage{}, fmt.Errorf("/proc/stat: %w", err)
		}
		seconds[i] = float64(ticks) / userHZ
	}
	return MachineUsage{
		UserSeconds: seconds[0] + seconds[1], SystemSeconds: seconds[2],
		InterruptSeconds: seconds[5] + seconds[6], IdleSeconds: seconds[3] + seconds[4],
		Switches: numberAfter(rest, "\nctxt "),
	}, nil
}

// numberAfter returns the number that follows a label, or 0 if the kernel does not
// have the figure.
func numberAfter(text []byte, label string) int64 {
	_, rest, _ := bytes.Cut(text, []byte(label))
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	n, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 10, 64)
	if err != nil {
		return 0
	}
	return n
}
