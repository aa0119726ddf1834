package add

import (
	"fmt"
	"io"
	"time"

	"github.com/rs/zerolog"

	"github.com/farswap/farswap/internal/cli/command"
	"github.com/farswap/farswap/internal/cli/process"
	"github.com/farswap/farswap/internal/human"
)

// When the allocation of a backing file is told.
const (
	allocationQuiet    = time.Second // one that takes no longer is not told
	allocationOnScreen = 200 * time.Millisecond
	allocationInLog    = 10 * time.Second
	// allocationGrace is how long systemd is to wait for the next word: it kills a service
	// that does not start in time.
	allocationGrace = time.Minute
)

// allocation tells how far the allocation of a backing file is: on a terminal in one line,
// which each call of progress overwrites, elsewhere in the log.
type allocation struct {
	out      io.Writer
	terminal bool
	log      zerolog.Logger
	now      func() time.Time

	begun, told time.Time
	shown       bool
}

func newAllocation(out io.Writer, log zerolog.Logger) *allocation {
	return &allocation{out: out, terminal: command.IsTerminal(out), log: log, now: time.Now}
}

// progress hears that done bytes of total are allocated.
func (a *allocation) progress(done, total int64) {
	now, pause := a.now(), allocationInLog
	if a.begun.IsZero() {
		a.begun = now
	}
	if a.terminal {
		pause = allocationOnScreen
	}
	if now.Sub(a.begun) < allocationQuiet || now.Sub(a.told) < pause {
		return
	}
	a.told = now
	left := time.Duration(float64(now.Sub(a.begun)) / float64(max(done, 1)) * float64(total-done)).Round(time.Second)
	process.StillStarting(a.log, "allocating the backing file", allocationGrace)
	if !a.terminal {
		a.log.Info().Int64("done_bytes", done).Int64("total_bytes", total).Dur("left", left).Msg("allocating the backing file")
		return
	}
	a.shown = true
	fmt.Fprintf(a.out, "\r\x1b[Kallocating the backing file: %s of %s, %v left", human.Bytes(done), human.Bytes(total), left)
}

// end takes the line off the terminal.
func (a *allocation) end() {
	if a.shown {
		fmt.Fprint(a.out, "\r\x1b[K")
	}
}
