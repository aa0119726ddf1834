package benchmarks

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/farswap/farswap/status"
)

// Errors of a paging run.
var (
	// ErrConfig means that a PagingConfig cannot be run.
	ErrConfig = errors.New("unusable workload")
	// ErrMismatch means that pages came back with wrong content.
	ErrMismatch = errors.New("pages came back wrong")
	// ErrUnreadable means that the kernel could not bring a page back.
	ErrUnreadable = errors.New("page cannot be read")
)

// maxThreads bounds PagingConfig.Threads. It is more than the tags of any swap
// device, and each costs a thread.
const maxThreads = 1024

// maxBytes bounds how much memory a workload uses: half of what a process can address.
const maxBytes = 1 << 46

// maxSpin bounds VerbsConfig.Spin: a longer one measures nothing else.
const maxSpin = time.Second

// PagingConfig describes a paging workload.
type PagingConfig struct {
	Name     string    // of the backend, for the table
	Size     int64     // of the memory in bytes: a multiple of PageSize, at least one page per thread
	Threads  int       // workers, 1 to 1024, each with its own share of the pages
	Patterns []Pattern // one phase each, in this order
	// A phase ends after Duration or after Ops accesses by all threads
	// together, whichever comes first. Zero means no limit; not both.
	Duration time.Duration
	Ops      int64
	// End, if not nil, ends a phase with each signal that it delivers: the one that is
	// running, or else the next. What follows the phase goes on as usual.
	End <-chan os.Signal
	// WriteShare is the part of accesses that write a new version, 0 to 1.
	// They verify the old one first.
	WriteShare float64
	Seed       uint64
	// PageOut pushes all memory out to swap after the fill. A run that writes
	// nothing then only pages in. Without PageOut it would also have to push out
	// what the fill left in memory.
	PageOut bool
	// NoSweep leaves out the last check of every page. Measurements use it, because
	// each access has already checked its page.
	NoSweep bool
	// Watch are processes whose cost each phase records, beside the cost of this
	// process and of the machine. They must outlive the run.
	Watch []Process
	// Device, if not nil, asks the swap device's server where the pages are. The
	// run fails with ErrUnused if a donor then holds no page.
	Device func(context.Context) (status.Device, error)
}

// Validate returns an error wrapping ErrConfig if c breaks a rule of its
// fields.
func (c PagingConfig) Validate() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf(format+": %w", append(args, ErrConfig)...)
	}
	switch {
	case c.Threads < 1 || c.Threads > maxThreads:
		return bad("%d threads: give 1 to %d", c.Threads, maxThreads)
	case c.Size%PageSize != 0 || c.Size > maxBytes:
		return bad("%d bytes of memory: give a multiple of %d, at most %d", c.Size, PageSize, int64(maxBytes))
	case c.Size < int64(c.Threads)*PageSize:
		return bad("%d bytes of memory for %d threads: give each at least a page of %d", c.Size, c.Threads, PageSize)
	case c.Duration < 0 || c.Ops < 0:
		return bad("a duration of %v and %d operations: give no negative ones", c.Duration, c.Ops)
	case c.Duration == 0 && c.Ops == 0 && len(c.Patterns) > 0:
		return bad("a workload without end: give a duration or a number of operations")
	case !(c.WriteShare >= 0 && c.WriteShare <= 1):
		return bad("a write share of %g: give 0 to 1", c.WriteShare)
	}
	for _, p := range c.Patterns {
		if p != Uniform && p != Zipf {
			return bad("pattern %q: give %s or %s", string(p), Uniform, Zipf)
		}
	}
	return nil
}
