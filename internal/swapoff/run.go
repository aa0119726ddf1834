package swapoff

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"github.com/farswap/farswap/internal/flusher"
	"github.com/farswap/farswap/internal/human"
	"github.com/farswap/farswap/internal/inuse"
)

// ErrStillOn means that swap did not come off, and is on as before.
var ErrStillOn = errors.New("swap is still on")

// ErrShort means that memory became short: the rest of the pages would not have fitted.
var ErrShort = errors.New("memory is short")

const (
	poll = 200 * time.Millisecond
	// again is the time between two looks at a swapoff of another program.
	again = time.Second
	// reserve is the memory and other swap, in bytes, below which no more pages come back: the OOM
	// killer may not be far. MemAvailable leaves out what the kernel keeps for itself.
	reserve = 16 << 20
)

// Run takes swap off the area at path, and tells of its progress at the beginning and then several
// times a second. It returns nil when the area is not swap any more. When ctx ends, it cancels, and
// waits for the kernel: that first brings back what the program whose pages come back has in swap.
// The errors then are ErrStillOn and the cause of ctx. When the rest of the pages would not fit any
// more, it cancels as well, and the errors are ErrStillOn and ErrShort. If nothing was left when the
// kernel came to cancel, Run returns nil.
//
// If another program takes the same area off, Run waits for that.
func Run(ctx context.Context, path string, report func(Progress)) error {
	return (&taking{root: "/", path: path, report: report, reserve: reserve}).run(ctx)
}

// RunLost is Run for an area of which no page can be read: its pages are lost, and need no memory
// afterwards. It cancels for no other reason than the end of ctx. ErrShort then means that a control
// group had no room for the page that the kernel tried to read, and nothing left to kill.
func RunLost(ctx context.Context, path string, report func(Progress)) error {
	return (&taking{root: "/", path: path, report: report, lost: true}).run(ctx)
}

// taking is one area that is being taken off.
type taking struct {
	root    string // has proc
	path    string
	report  func(Progress)
	reserve int64
	lost    bool // nothing comes back
	meter   meter
}

func (t *taking) run(ctx context.Context) error {
	for {
		err := t.once(ctx)
		if err == nil || !errors.Is(err, errBusy) {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(again):
		}
	}
}

// errBusy means that another program takes the area off.
var errBusy = errors.New("another program takes it off")

// once runs the tool once.
func (t *taking) once(ctx context.Context) error {
	if on, err := t.look(); err != nil || !on {
		return err
	}
	if ctx.Err() != nil {
		return t.stays(context.Cause(ctx))
	}
	tool := &tool{started: make(chan error, 1), ended: make(chan struct{})}
	go tool.run(t.path)
	if err := <-tool.started; err != nil {
		return fmt.Errorf("swapoff %s: %w", t.path, err)
	}
	tick := time.NewTicker(poll)
	defer tick.Stop()
	canceled := ctx.Done()
	var why error
	for {
		select {
		case <-tool.ended:
			return t.outcome(tool, why)
		case <-canceled:
			why, canceled = context.Cause(ctx), nil
			tool.cancel()
		case <-tick.C:
			if _, err := t.look(); err != nil && why == nil {
				why, canceled = err, nil
				tool.cancel()
			}
		}
	}
}

// look reports whether the area is on, and tells of the progress. It fails with ErrShort.
func (t *taking) look() (on bool, err error) {
	areas, err := inuse.AreasIn(t.root)
	if err != nil {
		return true, err
	}
	var other, left int64
	for _, a := range areas {
		if a.Path == t.path {
			on, left = true, a.Used
		} else {
			other += a.Free()
		}
	}
	if !on {
		return false, nil
	}
	t.report(t.meter.add(time.Now(), left))
	available, cached, err := memory(t.root)
	if err != nil {
		return true, err
	}
	if left > 0 && !t.lost && t.short(max(left-cached, 0), available+other) {
		return true, fmt.Errorf("%w: %s of memory and %s of other swap are available, and %s have not come back", ErrShort,
			human.Bytes(available), human.Bytes(other), human.Bytes(left))
	}
	return true, nil
}

// short reports whether it is time to cancel, when need bytes have to come back and there is room
// for have. The kernel may bring back much before it stops, so it is asked early. The room is an
// estimate that goes up and down, hence the quarter.
func (t *taking) short(need, have int64) bool { return have < t.reserve || have < need-need/4 }

// outcome is what came of a tool that has ended.
func (t *taking) outcome(tool *tool, why error) error {
	areas, err := inuse.AreasIn(t.root)
	if err != nil {
		return err
	}
	on := false
	for _, a := range areas {
		on = on || a.Path == t.path
	}
	var exit *exec.ExitError
	switch {
	case !on:
		return nil
	case why != nil:
		return t.stays(why)
	case errors.As(tool.err, &exit) && exit.ExitCode() == exitNoMemory:
		return t.stays(fmt.Errorf("%w: %s", ErrShort, bytes.TrimSpace(tool.output.Bytes())))
	case errors.As(tool.err, &exit) && signaled(exit):
		return t.stays(fmt.Errorf("swapoff got a signal (%w), maybe of the OOM killer", tool.err))
	case bytes.Contains(tool.output.Bytes(), []byte("Invalid argument")): // EINVAL: it is not in the list of areas that take pages
		return errBusy
	default:
		return t.stays(fmt.Errorf("swapoff failed: %w: %s", tool.err, bytes.TrimSpace(tool.output.Bytes())))
	}
}

// stays is the error of an area that stays on.
func (t *taking) stays(why error) error {
	return fmt.Errorf("%s: %w: %w", t.path, ErrStillOn, why)
}

// exitNoMemory is swapoff's status when the kernel has no memory for the pages (swapoff(8)).
const exitNoMemory = 2

func signaled(exit *exec.ExitError) bool {
	status, ok := exit.Sys().(syscall.WaitStatus)
	return ok && status.Signaled()
}

// tool is a process that takes an area off.
type tool struct {
	cmd     *exec.Cmd
	output  bytes.Buffer
	started chan error
	ended   chan struct{}
	err     error // valid after ended
}

// run starts the tool and waits for its end. It is started by a thread that is no I/O flusher and has
// no priority: a child inherits both, and what brings pages back must be able to write others out.
// The thread lives as long as the tool, which the kernel ends with it: swap that comes off while
// nobody can cancel it is not wanted.
func (t *tool) run(path string) {
	runtime.LockOSThread() // for good: the thread ends with this goroutine
	defer close(t.ended)
	flusher.Ordinary()
	t.cmd = exec.Command("swapoff", path)
	t.cmd.Env = append(t.cmd.Environ(), "LC_ALL=C")
	t.cmd.Stdout, t.cmd.Stderr = &t.output, &t.output
	t.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM, Setpgid: true}
	err := t.cmd.Start()
	t.started <- err
	if err == nil {
		t.err = t.cmd.Wait()
	}
}

// cancel makes swapoff(2) return, and the area takes pages again. The kernel looks for a signal
// between two programs whose pages it brings back, not between two pages (try_to_unuse in
// mm/swapfile.c).
func (t *tool) cancel() { _ = t.cmd.Process.Signal(syscall.SIGTERM) } // it may have ended
