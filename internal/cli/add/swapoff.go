package add

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/farswap/farswap/internal/cli/process"
	"github.com/farswap/farswap/internal/cli/usage"
	"github.com/farswap/farswap/internal/inuse"
	"github.com/farswap/farswap/internal/swapoff"
)

// Values of --swapoff-on-stop.
const (
	swapoffAuto = "auto" // where systemd has started the server
	swapoffOn   = "on"
	swapoffOff  = "off"
)

const (
	// offRetry is the time between two attempts while the pages have no room.
	offRetry = 5 * time.Second
	// offLogged is the time between two lines of the log about the progress, and offTold that
	// between two notices to systemd.
	offLogged = 10 * time.Second
	offTold   = time.Second
	// offGrace is how long systemd is to wait for the next notice.
	offGrace = time.Minute
)

// takesOff says whether the server takes swap off its device when it is asked to stop.
func (o *options) takesOff(systemd bool) (bool, error) {
	switch o.swapoffOnStop {
	case swapoffAuto:
		return systemd, nil
	case swapoffOn:
		return true, nil
	case swapoffOff:
		return false, nil
	}
	return false, usage.Errorf("--swapoff-on-stop %q: want auto, on or off", o.swapoffOnStop)
}

// Why swap is not taken off any further.
var (
	errSecondSignal = errors.New("another signal came")
	errEnded        = errors.New("the device ended")
)

// takeOff takes swap off the device, if it is swap. A signal cancels it, and so does the end of the
// device; then it returns an error, and what has not come back is still in swap. While the pages have
// no room it waits, and tries again.
func (s *session) takeOff(signals <-chan os.Signal) error {
	ctx, cancel := context.WithCancelCause(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.comeOff(ctx) }()
	for {
		select {
		case err := <-ended:
			cancel(nil)
			return err
		case <-signals:
			cancel(errSecondSignal)
		case <-s.dev.Done():
			// What took swap off waits for the device, so nobody waits for it here.
			cancel(errEnded)
			return errEnded
		}
	}
}

// comeOff takes off one area after the other until the device is not swap.
func (s *session) comeOff(ctx context.Context) error {
	for {
		areas, err := s.off.areas(s.dev.Path())
		if err != nil || len(areas) == 0 {
			return err
		}
		err = s.oneOff(ctx, areas[0].Path)
		if !errors.Is(err, swapoff.ErrNoRoom) && !errors.Is(err, swapoff.ErrShort) {
			if err != nil {
				return err
			}
			continue
		}
		s.log.Warn().Err(err).Dur("again_after", offRetry).Msg("swap cannot come off yet")
		process.StillStopping(s.log, "no room for the pages in swap", offGrace)
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w: %w", areas[0].Path, swapoff.ErrStillOn, context.Cause(ctx))
		case <-time.After(s.off.retry):
		}
	}
}

// oneOff takes one area off, and tells the log and systemd how far that is.
func (s *session) oneOff(ctx context.Context, path string) error {
	room, err := s.off.look(path)
	if errors.Is(err, swapoff.ErrNotSwap) { // somebody was faster
		return nil
	}
	if err == nil {
		err = room.Check()
	}
	if err != nil {
		return err
	}
	s.log.Info().Str("area", path).Int64("bytes", room.Swapped).Msg("taking swap off")
	var logged, told time.Time
	err = s.off.run(ctx, path, func(p swapoff.Progress) {
		now := time.Now()
		if now.Sub(told) >= offTold {
			told = now
			process.StillStopping(s.log, "taking swap off: "+p.String(), offGrace)
		}
		if logged.IsZero() {
			logged = now
		}
		if now.Sub(logged) >= offLogged {
			logged = now
			s.log.Info().Str("area", path).Int64("left_bytes", p.Left).Int64("bytes_per_second", int64(p.Rate)).Dur("remains", p.Remains).Msg("taking swap off")
		}
	})
	if err == nil {
		s.log.Info().Str("area", path).Msg("swap is off")
	}
	return err
}

// offTools are what takes swap off. Tests make them up.
type offTools struct {
	retry time.Duration // offRetry
	areas func(device string) ([]inuse.Area, error)
	look  func(path string) (swapoff.Room, error)
	run   func(ctx context.Context, path string, report func(swapoff.Progress)) error
}

var realOff = offTools{offRetry, inuse.AreasOn, swapoff.Look, swapoff.Run}
