package device

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/farswap/farswap/internal/cli/command"
	"github.com/farswap/farswap/internal/cli/remedy"
	"github.com/farswap/farswap/internal/human"
	"github.com/farswap/farswap/internal/inuse"
	"github.com/farswap/farswap/internal/swapoff"
)

// swapOff brings back the pages of a device that has a server, before it is stopped. It changes
// nothing if they have no room. An end of ctx cancels it: swap is then on as before.
func swapOff(ctx context.Context, stderr io.Writer, facts remedy.Facts) error {
	areas := slices.SortedFunc(slices.Values(facts.Swap), func(a, b inuse.Area) int { return cmp.Compare(b.Priority, a.Priority) })
	for _, a := range areas {
		room, err := swapoff.Look(a.Path)
		if errors.Is(err, swapoff.ErrNotSwap) { // somebody was faster
			continue
		}
		if err == nil {
			err = room.Check()
		}
		if err != nil {
			return fmt.Errorf("take swap off %s: %w", a.Path, err)
		}
		if err := offOne(ctx, stderr, a.Path, room); err != nil {
			return err
		}
	}
	return nil
}

// offOne takes one area off and shows how far that is.
func offOne(ctx context.Context, stderr io.Writer, path string, room swapoff.Room) error {
	// The OOM killer has no other reason to choose this process than that it holds little memory. A
	// user that is not root may not say so, and may not take swap off, either.
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("-1000"), 0)
	fmt.Fprintf(stderr, "swap on %s: %s come back; %s of memory and %s of other swap are available\n", path,
		human.Bytes(room.Swapped), human.Bytes(room.Available), human.Bytes(room.Other))
	shown := newOffProgress(stderr, path)
	err := swapoff.Run(ctx, path, shown.show)
	shown.end()
	if errors.Is(err, swapoff.ErrStillOn) {
		return fmt.Errorf("%w: the device serves on", err)
	}
	return err
}

// offInLog is the time between two lines of progress where there is no terminal.
const offInLog = 10 * time.Second

// offProgress shows how far swap has come off: on a terminal in one line, which each call of show
// overwrites, elsewhere in a line now and then.
type offProgress struct {
	out      io.Writer
	terminal bool
	path     string
	now      func() time.Time

	told time.Time
}

func newOffProgress(out io.Writer, path string) *offProgress {
	return &offProgress{out: out, terminal: command.IsTerminal(out), path: path, now: time.Now}
}

func (p *offProgress) show(now swapoff.Progress) {
	switch at := p.now(); {
	case p.terminal:
		fmt.Fprintf(p.out, "\r\x1b[Kswap on %s: %v", p.path, now)
	case p.told.IsZero(): // the line before has said how much there is
		p.told = at
	case at.Sub(p.told) >= offInLog:
		p.told = at
		fmt.Fprintf(p.out, "swap on %s: %v\n", p.path, now)
	}
}

// end takes the line off the terminal.
func (p *offProgress) end() {
	if p.terminal {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}
