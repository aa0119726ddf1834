package memory

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"syscall"
	"time"
)

// Sample is memory at one moment.
type Sample struct {
	Available int64   // bytes that can be had without swapping
	Total     int64   // bytes in all, the smallest limit's
	Stall     float64 // share of the time since the last sample in which some task waited for memory, 0 to 1
}

// LeastTried is the least memory of a machine (Sample.Total), in bytes, on which a device has been tried as
// swap: that which Linux 7.3 of Debian leaves of 128 MiB. On less, the server, its standby and the kernel may
// leave nothing to run programs in.
const LeastTried = 80 << 20

// Machine is this machine's memory, as far as this process may use it. Its methods
// may be called from any goroutine.
type Machine struct {
	fsys  fs.FS // the root folder
	clock func() time.Time

	mu       sync.Mutex       // guards what follows
	stalls   map[string]stall // by file
	around   []group          // the control groups around this process
	lookedUp time.Time        // when they were, zero: not yet
}

// groupPeriod is how long the control groups of the process are taken to stay the
// same: to look them up costs more than all the rest.
const groupPeriod = 30 * time.Second

// stall is what a PSI file said, and when.
type stall struct {
	micros uint64
	at     time.Time
}

// Here is the machine that this process runs on.
func Here() *Machine { return newMachine(os.DirFS("/"), time.Now) }

func newMachine(fsys fs.FS, clock func() time.Time) *Machine {
	return &Machine{fsys: fsys, clock: clock, stalls: make(map[string]stall)}
}

// Sample reads memory now. Control groups are looked up again every groupPeriod, since
// a process can be moved. Errors are those of /proc/meminfo, of a limit that cannot be read,
// and ErrFormat. The first sample has no stall.
func (m *Machine) Sample() (Sample, error) {
	text, err := fs.ReadFile(m.fsys, "proc/meminfo")
	if err != nil {
		return Sample{}, fmt.Errorf("available memory: %w", err)
	}
	var s Sample
	if s.Available, s.Total, err = parseMeminfo(text); err != nil {
		return Sample{}, fmt.Errorf("/proc/meminfo: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if s.Stall, err = m.stall("proc/pressure/memory"); err != nil {
		return Sample{}, err
	}
	if now := m.clock(); m.lookedUp.IsZero() || now.Sub(m.lookedUp) >= groupPeriod {
		m.around, m.lookedUp = m.groups(), now
	}
	for _, g := range m.around {
		if err := m.tighten(&s, g); err != nil {
			return Sample{}, err
		}
	}
	return s, nil
}

// stall is the share of the time since the last call that tasks stalled, by a PSI
// file; 0 without one, and the first time. m.mu is held.
func (m *Machine) stall(file string) (float64, error) {
	text, err := fs.ReadFile(m.fsys, file)
	if absent(err) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("memory pressure: %w", err)
	}
	micros, err := parsePressure(text)
	if err != nil {
		return 0, fmt.Errorf("/%s: %w", file, err)
	}
	last, known := m.stalls[file]
	now := stall{micros, m.clock()}
	m.stalls[file] = now
	elapsed := now.at.Sub(last.at)
	if !known || micros < last.micros || elapsed <= 0 {
		return 0, nil
	}
	return min(float64(micros-last.micros)/(elapsed.Seconds()*1e6), 1), nil
}

// absent says whether the kernel does not have a file, or has it switched off.
func absent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.EOPNOTSUPP) || errors.Is(err, syscall.ENODEV)
}
