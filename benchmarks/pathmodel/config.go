package pathmodel

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/farswap/farswap/swapdev"
	"github.com/farswap/farswap/ublk"
)

// ErrConfig means that a Config asks for something that cannot be measured.
var ErrConfig = errors.New("cannot be measured")

// Mode says on which CPUs the parts run.
type Mode string

// Modes.
const (
	One   Mode = "one"   // all threads on one CPU
	Apart Mode = "apart" // the device, or nbd's receiving thread, on another CPU than application and server
	Free  Mode = "free"  // wherever the kernel puts them
)

// Ops of a cell.
const (
	Read  = "read"
	Write = "write"
)

// Bounds of a Config.
const (
	MaxThreads = 64
	MinSize    = 8 << 20
	MaxSize    = 16 << 30
	MaxTurns   = 100
)

// slabSize is that of the device: small, so that a small device has several.
const slabSize = 4 << 20

// Config says what Run measures: each mode, with each number of threads and each operation,
// is a cell.
type Config struct {
	Modes   []Mode
	Threads []int    // of the application, 1 to MaxThreads; each has one page under way
	Ops     []string // Read, Write
	// Time is how long each of farswap and the models of nbd runs in each turn of a cell.
	Time time.Duration
	// Count ends a turn after so many pages of each thread; 0: after Time alone.
	Count int64
	Turns int   // of each cell, 1 to MaxTurns; three at least show a spread
	Size  int64 // bytes of the device, a multiple of 4 MiB, MinSize to MaxSize
	// CPUs are those of the modes One, which uses the first, and Apart, whose device has the
	// second. Empty: the first that the process may use.
	CPUs []int
	// DeviceProcess makes the device a process of its own, as it is on a real machine; else its
	// queue is a thread of the application's process, as nbd's receiving thread is. A process
	// costs two switches of the address space for each page, which some virtual machines make
	// dear.
	DeviceProcess bool
	Seal          swapdev.Seal // whether the device seals pages; nbd never does
	Realtime      bool         // device and donor with SCHED_RR at priority 1; all else has SCHED_OTHER

	// Donor is the command that lends memory, to which the flags of `farswap donor` are added.
	Donor []string
	// Self is the command that calls Part, to which the name of a part is added.
	Self []string
	// Nbdkit is the path of nbdkit; "": its model is left out.
	Nbdkit string
}

// Validate returns an error that wraps ErrConfig if c breaks a rule of its fields.
func (c Config) Validate() error {
	refuse := func(format string, args ...any) error {
		return fmt.Errorf(format+": %w", append(args, ErrConfig)...)
	}
	if len(c.Modes) == 0 || len(c.Threads) == 0 || len(c.Ops) == 0 {
		return refuse("no cell: give at least one mode, number of threads and operation")
	}
	for i, mode := range c.Modes {
		if !slices.Contains([]Mode{One, Apart, Free}, mode) || slices.Contains(c.Modes[:i], mode) {
			return refuse("mode %q: give %s, %s and %s, each once", mode, One, Apart, Free)
		}
	}
	for i, n := range c.Threads {
		if n < 1 || n > MaxThreads || slices.Contains(c.Threads[:i], n) {
			return refuse("%d threads: give 1 to %d, each once", n, MaxThreads)
		}
	}
	for i, op := range c.Ops {
		if op != Read && op != Write || slices.Contains(c.Ops[:i], op) {
			return refuse("operation %q: give %s and %s, each once", op, Read, Write)
		}
	}
	switch {
	case c.Time <= 0 || c.Time > time.Hour:
		return refuse("turns of %v: give more than 0 and 1h at most", c.Time)
	case c.Count < 0:
		return refuse("turns of %d pages: give 0 or more", c.Count)
	case c.Turns < 1 || c.Turns > MaxTurns:
		return refuse("%d turns: give 1 to %d", c.Turns, MaxTurns)
	case c.Size < MinSize || c.Size > MaxSize || c.Size%slabSize != 0:
		return refuse("a device of %d bytes: give %d to %d, a multiple of %d", c.Size, MinSize, int64(MaxSize), slabSize)
	case c.Seal != swapdev.SealOn && c.Seal != swapdev.SealOff:
		return refuse("pages sealed %q: give %s or %s", c.Seal, swapdev.SealOn, swapdev.SealOff)
	case len(c.Donor) == 0 || len(c.Self) == 0:
		return refuse("no command for donor and device")
	}
	return c.validateCPUs(refuse)
}

func (c Config) validateCPUs(refuse func(string, ...any) error) error {
	for i, cpu := range c.CPUs {
		if cpu < 0 || slices.Contains(c.CPUs[:i], cpu) {
			return refuse("CPU %d: give numbers from 0 on, each once", cpu)
		}
	}
	if len(c.CPUs) == 1 && slices.Contains(c.Modes, Apart) {
		return refuse("mode %s on one CPU: give two", Apart)
	}
	return nil
}

// cells are all combinations, in the order of the fields.
func (c Config) cells() (all []Cell) {
	for _, mode := range c.Modes {
		for _, threads := range c.Threads {
			for _, op := range c.Ops {
				all = append(all, Cell{Mode: mode, Threads: threads, Op: op})
			}
		}
	}
	return all
}

// Cell is what is measured at a time.
type Cell struct {
	Mode    Mode   `json:"mode"`
	Threads int    `json:"threads"`
	Op      string `json:"op"`
}

// operation is the device's.
func (c Cell) operation() ublk.Op {
	if c.Op == Write {
		return ublk.OpWrite
	}
	return ublk.OpRead
}

func (c Cell) String() string {
	where := map[Mode]string{One: "all on one CPU", Apart: "the device on another CPU", Free: "bound to no CPU"}[c.Mode]
	threads := "1 thread"
	if c.Threads > 1 {
		threads = fmt.Sprintf("%d threads", c.Threads)
	}
	return fmt.Sprintf("%s, %s, %ss", where, threads, c.Op)
}
