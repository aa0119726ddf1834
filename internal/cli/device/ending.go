package device

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/farswap/farswap/internal/inuse"
	"github.com/farswap/farswap/status"
)

const (
	// pollGone is the time between two looks at a server that stops.
	pollGone = 50 * time.Millisecond
	// tellOpeners is how long a stop takes before it looks for who has the device open, and how long until it
	// looks again: that reads all descriptors of the machine. Without them a stop takes less.
	tellOpeners = time.Second
	// nextServer is how long a standby may take to follow on a server that was killed.
	nextServer = 2 * time.Second
)

// ending is the end of a server that was asked to stop.
type ending struct {
	dir, path string // of its state folder and of its block device
	server    int    // its process id
	stderr    io.Writer

	openers   func(path string) []inuse.Opener
	tellAfter time.Duration
	next      time.Duration
	advice    func() (string, error) // about a device that the server has left
}

// await waits until server and device are gone. Meanwhile it tells who has the device open: the driver does not
// remove it before they have closed it.
func (e *ending) await(ctx context.Context) error {
	var told string
	var died time.Time
	for tell := time.Now().Add(e.tellAfter); ; {
		pid, alive, err := status.Holder(e.dir)
		switch {
		case err != nil:
			return err
		case !alive && pid == 0: // with the server the folder has gone, or holds what others have put there
			return nil
		case alive && pid != e.server:
			return fmt.Errorf("%s: its server ended before it had stopped the device, and process %d has taken it over: stop that one", e.path, pid)
		case alive:
			died = time.Time{}
		case died.IsZero():
			died = time.Now()
		case time.Since(died) >= e.next:
			advice, err := e.advice()
			if err != nil {
				return err
			}
			return fmt.Errorf("%s: its server ended before it had removed the device: %s", e.path, advice)
		}
		if now := time.Now(); !now.Before(tell) {
			tell = now.Add(e.tellAfter)
			if who := e.who(); who != "" && who != told {
				fmt.Fprintf(e.stderr, "%s is open in %s: the stop waits until it is closed\n", e.path, who)
				told = who
			}
		}
		select {
		case <-ctx.Done():
			return e.late()
		case <-time.After(pollGone):
		}
	}
}

// late says that the wait is over.
func (e *ending) late() error {
	if who := e.who(); who != "" {
		return fmt.Errorf("%s: its server began to stop and has not ended yet, because the device is open in %s: end that, or wait longer with --timeout", e.path, who)
	}
	return fmt.Errorf("%s: its server began to stop and has not ended yet: look at its log, or wait longer with --timeout", e.path)
}

// who names the processes that have the device open, empty if there is none.
func (e *ending) who() string { return inuse.Name(e.openers(e.path)) }
