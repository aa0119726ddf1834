package harness

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// errFormat means that a file does not have the kernel's format.
var errFormat = errors.New("not the kernel's format")

// userHZ is the unit of CPU times in /proc, fixed in the kernel's ABI.
const userHZ = 100

func ticks(n int64) time.Duration { return time.Duration(n) * time.Second / userHZ }

// readNumbers reads a file of lines "name number". It skips other lines.
func readNumbers(from fs.FS, name string) (map[string]int64, error) {
	text, err := fs.ReadFile(from, name)
	if err != nil {
		return nil, err
	}
	numbers := map[string]int64{}
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if n, err := strconv.ParseInt(value, 10, 64); err == nil {
			numbers[key] = n
		}
	}
	return numbers, nil
}

// readNumber reads a file that is one number.
func readNumber(from fs.FS, name string) (int64, error) {
	text, err := fs.ReadFile(from, name)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s: %w: %w", name, errFormat, err)
	}
	return n, nil
}

// machineTime is how the CPUs of the machine spent their time since it booted.
type machineTime struct {
	user, system, interrupt, idle, steal time.Duration
}

// parseStat reads the first line of /proc/stat.
func parseStat(text []byte) (machineTime, error) {
	line, _, _ := strings.Cut(string(text), "\n")
	fields := strings.Fields(line)
	if len(fields) < 9 || fields[0] != "cpu" {
		return machineTime{}, fmt.Errorf("/proc/stat: %w: %q", errFormat, line)
	}
	var t [8]time.Duration // user, nice, system, idle, iowait, irq, softirq, steal
	for i := range t {
		n, err := strconv.ParseInt(fields[i+1], 10, 64)
		if err != nil {
			return machineTime{}, fmt.Errorf("/proc/stat: %w: %w", errFormat, err)
		}
		t[i] = ticks(n)
	}
	return machineTime{user: t[0] + t[1], system: t[2], interrupt: t[5] + t[6], idle: t[3] + t[4], steal: t[7]}, nil
}

// kernelThread is PF_KTHREAD of include/linux/sched.h.
const kernelThread = 0x00200000

// parseProcess reads /proc/PID/stat: the CPU time so far, and whether the process is a
// thread of the kernel. The second field, a name in parentheses, may have any characters.
func parseProcess(text []byte) (used time.Duration, kernel bool, err error) {
	s := string(text)
	end := strings.LastIndexByte(s, ')')
	fields := strings.Fields(s[end+1:])
	if end < 0 || len(fields) < 13 {
		return 0, false, fmt.Errorf("stat of a process: %w: %q", errFormat, s)
	}
	flags, err1 := strconv.ParseInt(fields[6], 10, 64)
	user, err2 := strconv.ParseInt(fields[11], 10, 64)
	system, err3 := strconv.ParseInt(fields[12], 10, 64)
	return ticks(user + system), flags&kernelThread != 0, errors.Join(err1, err2, err3)
}

// kernelThreads returns the CPU time of all threads of the kernel. It misses threads that
// end meanwhile.
func kernelThreads(root fs.FS) (time.Duration, error) {
	entries, err := fs.ReadDir(root, "proc")
	if err != nil {
		return 0, fmt.Errorf("list threads of the kernel: %w", err)
	}
	var sum time.Duration
	for _, e := range entries {
		if e.Name()[0] < '0' || e.Name()[0] > '9' {
			continue
		}
		text, err := fs.ReadFile(root, "proc/"+e.Name()+"/stat")
		if err != nil {
			continue // it has just ended
		}
		used, kernel, err := parseProcess(text)
		if err != nil {
			return 0, err
		}
		if kernel {
			sum += used
		}
	}
	return sum, nil
}

// Pressure is how long tasks waited, in seconds: some of them, or all.
type Pressure struct {
	MemorySome float64 `json:"memory_some_seconds"`
	MemoryFull float64 `json:"memory_full_seconds"`
	IOSome     float64 `json:"io_some_seconds"`
	IOFull     float64 `json:"io_full_seconds"`
	CPUSome    float64 `json:"cpu_some_seconds"`
}

// readPressure reads the three PSI files; name makes the file's name from the resource. It
// returns nil if the kernel has no PSI.
func readPressure(from fs.FS, name func(resource string) string) (*Pressure, error) {
	var p Pressure
	for _, r := range []struct {
		resource   string
		some, full *float64
	}{{"memory", &p.MemorySome, &p.MemoryFull}, {"io", &p.IOSome, &p.IOFull}, {"cpu", &p.CPUSome, new(float64)}} {
		text, err := fs.ReadFile(from, name(r.resource))
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.EOPNOTSUPP) {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read pressure: %w", err)
		}
		for line := range strings.Lines(string(text)) {
			kind, rest, _ := strings.Cut(line, " ")
			_, total, _ := strings.Cut(strings.TrimSpace(rest), "total=")
			micros, err := strconv.ParseUint(total, 10, 64)
			if err != nil {
				return nil, fmt.Errorf("read pressure: %s: %w: %q", name(r.resource), errFormat, line)
			}
			switch kind {
			case "some":
				*r.some = float64(micros) / 1e6
			case "full":
				*r.full = float64(micros) / 1e6
			}
		}
	}
	return &p, nil
}

func (p *Pressure) since(before *Pressure) *Pressure {
	if p == nil || before == nil {
		return nil
	}
	return &Pressure{
		p.MemorySome - before.MemorySome, p.MemoryFull - before.MemoryFull,
		p.IOSome - before.IOSome, p.IOFull - before.IOFull, p.CPUSome - before.CPUSome,
	}
}
