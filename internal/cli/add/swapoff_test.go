package add

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/internal/cli/command"
	"github.com/farswap/farswap/internal/inuse"
	"github.com/farswap/farswap/internal/swapoff"
)

// fakeSwap is one swap area, and what becomes of each attempt to take it off: nil is that it comes off.
type fakeSwap struct {
	on       bool
	short    int // attempts at first for which there is no room
	attempts []error
	waits    func() // an attempt calls it, and then waits until it is canceled
	begun    int
}

func (f *fakeSwap) tools() offTools {
	area := inuse.Area{Path: "/dev/ublkb7001", Size: 1 << 30, Used: 1 << 20}
	return offTools{
		areas: func(string) ([]inuse.Area, error) {
			if f.on {
				return []inuse.Area{area}, nil
			}
			return nil, nil
		},
		look: func(string) (swapoff.Room, error) {
			if f.short--; f.short >= 0 {
				return swapoff.Room{Swapped: area.Used}, nil
			}
			return swapoff.Room{Swapped: area.Used, Available: 1 << 30}, nil
		},
		run: func(ctx context.Context, path string, report func(swapoff.Progress)) error {
			report(swapoff.Progress{Left: area.Used})
			f.begun++
			if f.waits != nil {
				wait := f.waits
				f.waits = nil
				wait()
				<-ctx.Done()
				return fmt.Errorf("%s: %w: %w", path, swapoff.ErrStillOn, context.Cause(ctx))
			}
			if len(f.attempts) > 0 {
				err := f.attempts[0]
				f.attempts = f.attempts[1:]
				if err != nil {
					return err
				}
			}
			f.on = false
			return nil
		},
	}
}

// TestTakeOff: a signal takes swap off and stops the device. What keeps swap on keeps the server, and
// the next signal tries again.
func TestTakeOff(t *testing.T) {
	for name, tc := range map[string]struct {
		swap    fakeSwap
		cancel  bool // a second signal comes while swap comes off
		signals int  // that come one after the other, beside that
		begun   int  // attempts
		log     []string
	}{
		"comes off":        {swap: fakeSwap{on: true}, signals: 1, begun: 1, log: []string{"taking swap off", "swap is off"}},
		"is none":          {signals: 1},
		"no room at first": {swap: fakeSwap{on: true, short: 2}, signals: 1, begun: 1, log: []string{"cannot come off yet", "no room"}},
		"short meanwhile":  {swap: fakeSwap{on: true, attempts: []error{swapoff.ErrShort}}, signals: 1, begun: 2, log: []string{"memory is short"}},
		"fails at first":   {swap: fakeSwap{on: true, attempts: []error{errors.New("tool is broken")}}, signals: 2, begun: 2, log: []string{"not stopping: tool is broken"}},
		"canceled":         {swap: fakeSwap{on: true}, cancel: true, signals: 2, begun: 2, log: []string{"swap is still on: another signal came"}},
	} {
		t.Run(name, func(t *testing.T) {
			signals := make(chan os.Signal, 3)
			swap, dev := tc.swap, newFakeDevice()
			if tc.cancel {
				swap.waits = func() { signals <- unix.SIGTERM }
			}
			send := tc.signals
			var log bytes.Buffer
			s := &session{dev: dev, takesOff: true, off: swap.tools()}
			// The next signal comes when the server has said that it does not stop.
			s.log = zerolog.New(io.MultiWriter(&log, onLine(func(line string) {
				if strings.Contains(line, "not stopping") && send > 0 {
					send--
					signals <- unix.SIGTERM
				}
			})))
			send--
			signals <- unix.SIGTERM
			err := s.run(io.Discard, &options{priority: -1}, signals)
			if err != nil || dev.stops != 1 || swap.on || swap.begun != tc.begun {
				t.Errorf("%v, %d stops, swap %v, %d attempts, want %d", err, dev.stops, swap.on, swap.begun, tc.begun)
			}
			for _, part := range tc.log {
				if !strings.Contains(log.String(), part) {
					t.Errorf("log %q lacks %q", log.String(), part)
				}
			}
		})
	}
}

// onLine calls a function for each line of a log.
type onLine func(string)

func (f onLine) Write(p []byte) (int, error) { f(string(p)); return len(p), nil }

// TestDeviceEndsMeanwhile: a device that fails while its swap comes off ends the server at once. What
// takes swap off would wait for the device for ever.
func TestDeviceEndsMeanwhile(t *testing.T) {
	dev := newFakeDevice()
	dev.err = errors.New("queue 0 failed")
	swap := &fakeSwap{on: true, waits: func() { close(dev.done) }}
	signals := make(chan os.Signal, 1)
	signals <- unix.SIGTERM
	s := &session{dev: dev, log: zerolog.Nop(), takesOff: true, off: swap.tools()}
	err := s.run(io.Discard, &options{priority: -1}, signals)
	if command.ExitCode(err, true) != command.ExitFailed || !strings.Contains(err.Error(), "queue 0 failed") || dev.stops != 0 {
		t.Errorf("%v, %d stops", err, dev.stops)
	}
}

// TestHandedOverMeanwhile: a device that is handed to another server while its swap comes off ends this
// one without an error. What took swap off is canceled, and the next server hears the next signal.
func TestHandedOverMeanwhile(t *testing.T) {
	dev := newFakeDevice()
	signals := make(chan os.Signal, 1)
	signals <- unix.SIGTERM
	s := &session{dev: dev, log: zerolog.Nop(), takesOff: true, handedOver: make(chan struct{})}
	swap := &fakeSwap{on: true, waits: func() { s.leaving.Store(true); close(dev.done); close(s.handedOver) }}
	s.off = swap.tools()
	if err := s.run(io.Discard, &options{priority: -1}, signals); err != nil || dev.stops != 0 || !swap.on {
		t.Errorf("%v, %d stops, swap %v", err, dev.stops, swap.on)
	}
}

func TestTakesOff(t *testing.T) {
	for value, want := range map[string][2]bool{"auto": {false, true}, "on": {true, true}, "off": {false, false}} {
		for i, systemd := range []bool{false, true} {
			got, err := (&options{swapoffOnStop: value}).takesOff(systemd)
			if err != nil || got != want[i] {
				t.Errorf("%s, systemd %v: got %v, %v", value, systemd, got, err)
			}
		}
	}
	if _, err := (&options{swapoffOnStop: "maybe"}).takesOff(true); command.ExitCode(err, true) != command.ExitUsage {
		t.Errorf("maybe: %v", err)
	}
}
