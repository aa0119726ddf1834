package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"
)

// stopTimeout bounds the stop of a device: its requests in flight, its donors.
const stopTimeout = 90 * time.Second

// signals are requests to stop. A terminal that goes away is one, too: the
// default would kill the server under its device.
type signals struct {
	early  context.Context // ends at the first signal, for what comes before serving
	cancel context.CancelFunc
	asked  chan os.Signal
}

// watchSignals catches the signals that ask for an end. A log pipe that closes
// must not end the server either.
func watchSignals() *signals {
	signal.Ignore(unix.SIGPIPE)
	s := &signals{asked: make(chan os.Signal, 1)}
	s.early, s.cancel = signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	signal.Notify(s.asked, unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	return s
}

func (s *signals) close() {
	signal.Stop(s.asked)
	s.cancel()
}

// session is a device that takes I/O, until it is gone.
type session struct {
	dev deviceServer
	log zerolog.Logger
}

// run announces the device and waits for its end: asked for and allowed, or by
// its own failure.
func (s *session) run(out io.Writer, o *addOptions, signals <-chan os.Signal) error {
	if o.swapon {
		if err := s.swapOn(o.priority); err != nil {
			return errors.Join(err, s.stop())
		}
	}
	if _, err := fmt.Fprintln(out, s.dev.Path()); err != nil {
		s.log.Warn().Err(err).Msg("nobody reads the device's path")
	}
	s.log.Info().Str("device", s.dev.Path()).Int("pid", os.Getpid()).Msg("device takes I/O")
	notify(s.log, daemon.SdNotifyReady+"\nSTATUS=serving "+s.dev.Path())
	defer notify(s.log, daemon.SdNotifyStopping)
	for {
		select {
		case <-s.dev.Done():
			return s.ended()
		case sig := <-signals:
			s.log.Info().Stringer("signal", sig).Msg("asked to stop")
		}
		err := s.stop()
		if !isAny(err, refusals) {
			return err
		}
		s.log.Warn().Msg("not stopping: " + oneLine(err))
	}
}

// stop takes the device away, or is one of refusals and the device serves on.
func (s *session) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	if err := s.dev.Stop(ctx); err != nil {
		return err
	}
	return s.ended()
}

// ended says how a device went that is gone.
func (s *session) ended() error {
	if err := s.dev.Err(); err != nil {
		return fmt.Errorf("%s failed: %w", s.dev.Path(), err)
	}
	s.log.Info().Str("device", s.dev.Path()).Msg("device removed")
	return nil
}

// swapOn fails only when nothing uses the device: a server must not leave one
// that is swap after all.
func (s *session) swapOn(priority int) error {
	err := swapOn(s.dev.Path(), priority)
	if err == nil {
		s.log.Info().Str("device", s.dev.Path()).Msg("swap is on")
		return nil
	}
	if used := refuseIfUsed(s.dev.Path()); used != nil {
		s.log.Error().Err(err).Msg("swapon failed, but the device is in use: serving on")
		return nil
	}
	return err
}

// notify tells systemd, where it started this process.
func notify(log zerolog.Logger, state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		log.Warn().Err(err).Msg("cannot notify systemd")
	}
}
