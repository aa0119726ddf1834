// Package process is the outside of a process that serves in the foreground until it is
// asked to end: the signals it gets and what it tells systemd.
package process

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"
)

// Signals are requests to stop, and to read files again.
type Signals struct {
	Early context.Context // ends at the first request to stop, for what comes before serving
	Asked <-chan os.Signal
	End   context.CancelFunc // ends Early without a signal
	Again <-chan os.Signal   // requests to read files again

	asked, again chan os.Signal
}

// WatchSignals catches the signals. SIGHUP asks to read files again: it is what systemd and people
// send for that. A terminal that goes away sends it, too, and its default would kill the server
// under its device. A log pipe that closes must not end the server either.
func WatchSignals() *Signals {
	signal.Ignore(unix.SIGPIPE)
	s := &Signals{asked: make(chan os.Signal, 1), again: make(chan os.Signal, 1)}
	s.Asked, s.Again = s.asked, s.again
	s.Early, s.End = signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM)
	signal.Notify(s.asked, unix.SIGINT, unix.SIGTERM)
	signal.Notify(s.again, unix.SIGHUP)
	return s
}

// Close ends the watch. Signals have their default effect again.
func (s *Signals) Close() {
	signal.Stop(s.asked)
	signal.Stop(s.again)
	s.End()
}

// Ready tells systemd that the process serves, and on what.
func Ready(log zerolog.Logger, serving string) {
	notify(log, daemon.SdNotifyReady+"\nSTATUS=serving "+serving)
}

// Succeeded tells systemd which process of this service is the main one from now on.
func Succeeded(log zerolog.Logger, pid int) { notify(log, fmt.Sprintf("MAINPID=%d", pid)) }

// StillStarting tells systemd what the start of the process is busy with, and to wait for
// another while.
func StillStarting(log zerolog.Logger, doing string, while time.Duration) {
	notify(log, fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d\nSTATUS=%s", while.Microseconds(), doing))
}

// StillStopping tells systemd what the end of the process is busy with, and to wait for another
// while.
func StillStopping(log zerolog.Logger, doing string, while time.Duration) {
	StillStarting(log, doing, while) // the notice is the same
}

// Managed reports whether systemd has started this process and hears its notices.
func Managed() bool { return os.Getenv("NOTIFY_SOCKET") != "" }

// Stopping tells systemd that the process ends.
func Stopping(log zerolog.Logger) { notify(log, daemon.SdNotifyStopping) }

// notifyDeadline is how long a server waits for systemd to take a notice. The socket of a
// systemd that hangs is full.
const notifyDeadline = time.Second

// notify tells systemd a state, where systemd started this process.
func notify(log zerolog.Logger, state string) {
	told := make(chan error, 1)
	go func() {
		_, err := daemon.SdNotify(false, state)
		told <- err
	}()
	select {
	case err := <-told:
		if err != nil {
			log.Warn().Err(err).Msg("cannot notify systemd")
		}
	case <-time.After(notifyDeadline):
		log.Warn().Dur("within", notifyDeadline).Msg("systemd does not take a notice")
	}
}
