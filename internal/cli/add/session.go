package add

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/farswap/farswap/internal/cli/command"
	"github.com/farswap/farswap/internal/cli/process"
	"github.com/farswap/farswap/internal/inuse"
)

// stopTimeout bounds the stop of a device: its requests in flight, its donors.
const stopTimeout = 90 * time.Second

// printDeadline is how long a server waits for the reader of its standard output.
const printDeadline = time.Second

// session is a device that takes I/O, until it is gone.
type session struct {
	dev device
	log zerolog.Logger

	ease     *ease
	takesOff bool // swap comes off at a request to stop
	off      offTools

	standby    *standby      // nil: it gets none
	handing    sync.Mutex    // held while a standby is made ready for a hand-over
	leaving    atomic.Bool   // the device is handed over
	handedOver chan struct{} // closed once the process may end
}

// run announces the device and waits for its end. It ends when somebody asks for it and the
// device is not in use, or when the device fails.
func (s *session) run(out io.Writer, o *options, signals <-chan os.Signal) error {
	if o.swapon {
		if err := s.swapOn(o.priority); err != nil {
			return errors.Join(err, s.stop())
		}
	}
	s.print(out)
	s.log.Info().Str("device", s.dev.Path()).Int("pid", os.Getpid()).Msg("device takes I/O")
	process.Ready(s.log, s.dev.Path())
	defer func() {
		if !s.leaving.Load() {
			process.Stopping(s.log)
		}
	}()
	defer s.stayAwake()()
	defer s.ease.begin(s.dev)()
	if s.standby != nil {
		ctx, end := context.WithCancel(context.Background())
		defer end()
		go s.standby.run(ctx)
	}
	for {
		select {
		case <-s.handedOver:
			return nil
		case <-s.dev.Done():
			if s.leaving.Load() {
				<-s.handedOver
				return nil
			}
			return s.ended()
		case sig := <-signals:
			s.log.Info().Stringer("signal", sig).Msg("asked to stop")
		}
		if s.takesOff {
			if err := s.takeOff(signals); errors.Is(err, errEnded) {
				continue // it has failed, or was handed over
			} else if err != nil {
				s.log.Warn().Msg("not stopping: " + command.OneLine(err))
				process.Ready(s.log, s.dev.Path())
				continue
			}
		}
		err := s.stop()
		if command.ExitCode(err, true) != command.ExitRefused {
			return err
		}
		s.log.Warn().Msg("not stopping: " + command.OneLine(err))
	}
}

// print writes the device's path for whoever waits for it. The device does not wait for a
// reader for long: its server has to hear signals.
func (s *session) print(out io.Writer) {
	printed := make(chan error, 1)
	go func() {
		_, err := fmt.Fprintln(out, s.dev.Path())
		printed <- err
	}()
	select {
	case err := <-printed:
		if err != nil {
			s.log.Warn().Err(err).Msg("nobody reads the device's path")
		}
	case <-time.After(printDeadline):
		s.log.Warn().Msg("nobody reads the device's path yet")
	}
}

// stop takes the device away. While the device is in use, the error has the exit code
// command.ExitRefused and the device serves on.
func (s *session) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	if err := s.dev.Stop(ctx); err != nil {
		return err
	}
	return s.ended()
}

// ended says why a device that is gone ended.
func (s *session) ended() error {
	if err := s.dev.Err(); err != nil {
		return fmt.Errorf("%s failed: %w", s.dev.Path(), err)
	}
	s.log.Info().Str("device", s.dev.Path()).Msg("device removed")
	return nil
}

// swapOn makes the device swap. It fails only when nothing uses the device: a server must not
// end while its device is swap after all.
func (s *session) swapOn(priority int) error {
	err := swapOn(s.dev.Path(), priority)
	if err == nil {
		s.log.Info().Str("device", s.dev.Path()).Msg("swap is on")
		return nil
	}
	if uses, unknown := inuse.Find(s.dev.Path()); len(uses) > 0 || unknown != nil {
		s.log.Error().Err(err).Msg("swapon failed, but the device is in use: serving on")
		return nil
	}
	return err
}
