package device

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/farswap/farswap/internal/cli/remedy"
	"github.com/farswap/farswap/internal/flusher"
	"github.com/farswap/farswap/internal/human"
	"github.com/farswap/farswap/internal/swapoff"
	"github.com/farswap/farswap/ublk"
	"github.com/farswap/farswap/ublk/targets"
)

// closedWithin is how long those who have the device open may take to close it. A mounted file system
// does not.
const closedWithin = 3 * time.Second

// driver is what a forced removal needs of the kernel's driver.
type driver interface {
	// Fail makes this process the device's server, which fails all I/O, until the device has been
	// stopped and released, or until the process ends.
	Fail(id int) (release func() error, err error)
	Stop(id int) error
	DeleteWithin(id int, wait time.Duration) error
}

// kernel is the driver of this machine.
type kernel struct{ *ublk.Control }

func (k kernel) Fail(id int) (release func() error, err error) {
	// A page of this process may be in swap, too, and must not be on the device that it serves.
	if _, err := flusher.Protect(); err != nil {
		return nil, err
	}
	spec, err := k.Spec(id)
	if err != nil {
		return nil, err
	}
	d, err := ublk.Recover(k.Control, spec)
	if err != nil {
		return nil, err
	}
	if err := d.Start(targets.Failing{}); err != nil {
		return nil, err
	}
	return func() error { <-d.Done(); return d.Leave() }, nil
}

// forced removes a device whose server is gone while it is in use.
//
// swapoff(2) on such a device waits for pages that nobody brings. So this process becomes its server,
// and fails all I/O. Then swapoff goes on: the kernel marks each page that it cannot read as lost, and
// sends SIGBUS to a program that comes to need it. The device is stopped when swap is off, and not
// before: swapoff(2) finds a swap area by the node of its device, and a stop takes that away. If
// swapoff fails, and this process ends, the device is as it was, and all can be tried again.
type forced struct {
	driver driver
	facts  remedy.Facts
	stderr io.Writer

	off  func(ctx context.Context, path string, report func(swapoff.Progress)) error // swapoff.RunLost
	look func(path string) (swapoff.Room, error)                                     // swapoff.Look
}

func newForced(control *ublk.Control, facts remedy.Facts, stderr io.Writer) *forced {
	return &forced{driver: kernel{control}, facts: facts, stderr: stderr, off: swapoff.RunLost, look: swapoff.Look}
}

// remove does it. When ctx ends it stops before the next program whose pages are lost.
func (f *forced) remove(ctx context.Context) error {
	release := func() error { return nil }
	if len(f.facts.Swap) > 0 {
		fmt.Fprintf(f.stderr, "taking swap off %s: %s on it are lost, and programs that need them get SIGBUS\n", f.facts.Path(), human.Bytes(f.facts.Pages()))
		var err error
		if release, err = f.driver.Fail(f.facts.ID); err != nil {
			return fmt.Errorf("fail the I/O of %s: %w", f.facts.Path(), err)
		}
		if err := f.swapOff(ctx); err != nil {
			return err
		}
	}
	if err := f.driver.Stop(f.facts.ID); err != nil {
		return err
	}
	if err := release(); err != nil {
		return err
	}
	err := f.driver.DeleteWithin(f.facts.ID, closedWithin)
	if uses := f.facts.Others(); errors.Is(err, ublk.ErrTimeout) && uses != "" {
		return fmt.Errorf("%s is stopped, and its I/O fails, but something has it open: %s: then number %d is free, and `farswap ublk del %d` removes what is left",
			f.facts.Path(), uses, f.facts.ID, f.facts.ID)
	}
	return err
}

// swapOff takes all swap areas off a device whose I/O fails.
func (f *forced) swapOff(ctx context.Context) error {
	for _, a := range f.facts.Swap {
		shown := newOffProgress(f.stderr, a.Path)
		err := f.off(ctx, a.Path, shown.show)
		shown.end()
		switch {
		case errors.Is(err, swapoff.ErrShort):
			return fmt.Errorf("%w: %s; then run `farswap ublk del --force %d` again", err, f.room(a.Path), f.facts.ID)
		case err != nil:
			return fmt.Errorf("%w: `farswap ublk del --force %d` goes on with it", err, f.facts.ID)
		}
	}
	return nil
}

// room says what gives swapoff room. The kernel charges a page to its control group before it reads it, also one
// that is lost.
func (f *forced) room(path string) string {
	var full []string
	if r, err := f.look(path); err == nil {
		for _, g := range r.Groups {
			full = append(full, g.Path)
		}
	}
	if len(full) == 0 {
		return "end programs, so that there is memory for one page at a time"
	}
	return "raise memory.max of the control groups that have no room, or end programs in them: " + strings.Join(full, ", ")
}
