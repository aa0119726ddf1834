package device

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/internal/cli/remedy"
	"github.com/farswap/farswap/internal/human"
	"github.com/farswap/farswap/internal/inuse"
	"github.com/farswap/farswap/ublk"
)

// Bounds of the waits of a forced removal.
const (
	// beginsWithin is how long a swapoff may take until it waits for the device.
	beginsWithin = 10 * time.Second
	// stillWithin is how long swap may come off no further once all its I/O fails.
	stillWithin = time.Minute
	// closedWithin is how long those who have the device open may take to close it. A mounted
	// file system does not.
	closedWithin = 3 * time.Second
	forcedPoll   = 50 * time.Millisecond
	// waitsFor are the looks in a row at which a process has to wait in swapoff(2) before it counts
	// as waiting for the device, and not for a lock of the kernel's.
	waitsFor = 4
)

// driver is what a forced removal needs of the kernel's driver.
type driver interface {
	Stop(id int) error
	DeleteWithin(id int, wait time.Duration) error
}

// forced removes a device whose server is gone while it is in use.
//
// The order matters. swapoff(2) finds a swap area by the node of its device, and the kernel takes
// that node away when the device stops. So swapoff comes first, and waits for its first page. Then
// the device stops, all its I/O fails, and swapoff goes on: the kernel marks each page that it cannot
// read as lost, and sends SIGBUS to a program that comes to need it. A device that is stopped before
// stays swap until the machine restarts, and its number taken.
type forced struct {
	driver driver
	facts  remedy.Facts
	stderr io.Writer

	areas   func(path string) ([]inuse.Area, error)
	syscall func(pid int) string // the system call in which a process waits, as /proc has it
	begins  time.Duration        // beginsWithin
	still   time.Duration        // stillWithin
}

func newForced(d driver, facts remedy.Facts, stderr io.Writer) *forced {
	return &forced{driver: d, facts: facts, stderr: stderr, areas: inuse.AreasOn, syscall: waitingIn, begins: beginsWithin, still: stillWithin}
}

func (f *forced) remove() error {
	if len(f.facts.Swap) > 0 {
		fmt.Fprintf(f.stderr, "taking swap off %s: %s on it are lost, and programs that need them get SIGBUS\n", f.facts.Path(), human.Bytes(f.facts.Pages()))
	}
	tools, err := f.beginSwapOff()
	if err != nil {
		return err
	}
	if err := f.driver.Stop(f.facts.ID); err != nil {
		return err
	}
	if err := f.awaitSwapOff(tools); err != nil {
		return err
	}
	err = f.driver.DeleteWithin(f.facts.ID, closedWithin)
	if uses := f.facts.Others(); errors.Is(err, ublk.ErrTimeout) && uses != "" {
		return fmt.Errorf("%s is stopped, and its I/O fails, but something has it open: %s: then number %d is free, and `farswap ublk del %d` removes what is left",
			f.facts.Path(), uses, f.facts.ID, f.facts.ID)
	}
	return err
}

// tool is a swapoff that runs.
type tool struct {
	cmd    *exec.Cmd
	output bytes.Buffer
	ended  chan struct{}
	err    error // valid after ended
}

// beginSwapOff starts swapoff for each area of the device, and returns when each waits for the device
// or has ended.
func (f *forced) beginSwapOff() ([]*tool, error) {
	var tools []*tool
	for _, a := range f.facts.Swap {
		t := &tool{cmd: exec.Command("swapoff", a.Path), ended: make(chan struct{})}
		t.cmd.Stdout, t.cmd.Stderr = &t.output, &t.output
		if err := t.cmd.Start(); err != nil {
			return nil, fmt.Errorf("take swap off %s: %w", a.Path, err)
		}
		go func() { t.err = t.cmd.Wait(); close(t.ended) }()
		tools = append(tools, t)
	}
	end := time.Now().Add(f.begins)
	for _, t := range tools {
		for seen := 0; seen < waitsFor; {
			select {
			case <-t.ended:
				seen = waitsFor
				continue
			case <-time.After(forcedPoll):
			}
			if strings.HasPrefix(f.syscall(t.cmd.Process.Pid), fmt.Sprint(unix.SYS_SWAPOFF, " ")) {
				seen++
			} else if seen = 0; time.Now().After(end) {
				for _, t := range tools {
					_ = t.cmd.Process.Kill() // it may have ended
				}
				return nil, fmt.Errorf("%s did not begin to take swap off within %v, and was killed: try again when the machine is less busy", t.cmd, f.begins)
			}
		}
	}
	return tools, nil
}

// awaitSwapOff waits until nothing on the device is swap. A swapoff of somebody else may do it, too:
// ours then fails at once.
func (f *forced) awaitSwapOff(tools []*tool) error {
	left, moved := int64(-1), time.Now()
	for {
		areas, err := f.areas(f.facts.Path())
		if err != nil {
			return err
		}
		if len(areas) == 0 {
			break
		}
		var now int64
		for _, a := range areas {
			now += a.Used
		}
		if now != left {
			left, moved = now, time.Now()
		}
		if time.Since(moved) > f.still {
			return fmt.Errorf("%s is stopped, and its I/O fails, but it is still swap with %s left%s: number %d stays taken until the machine restarts",
				f.facts.Path(), human.Bytes(left), said(tools), f.facts.ID)
		}
		time.Sleep(forcedPoll)
	}
	for _, t := range tools {
		<-t.ended
	}
	return nil
}

// said is what those swapoffs printed that failed.
func said(tools []*tool) string {
	text := ""
	for _, t := range tools {
		select {
		case <-t.ended:
			if t.err != nil {
				text += fmt.Sprintf(" (%s: %v: %s)", t.cmd, t.err, bytes.TrimSpace(t.output.Bytes()))
			}
		default:
		}
	}
	return text
}

// waitingIn reads the system call in which a process waits: its number and arguments, or "running".
func waitingIn(pid int) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/syscall", pid))
	if err != nil {
		return ""
	}
	return string(text)
}
