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
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/internal/cli/command"
	"github.com/farswap/farswap/swapdev"
)

// fakeDevice is a device that ends as it is told to.
type fakeDevice struct {
	path     string
	done     chan struct{}
	err      error
	refusals int // of the first stops
	failure  error
	stops    int
}

func newFakeDevice() *fakeDevice {
	return &fakeDevice{path: fmt.Sprint("/dev/ublkb", 7001), done: make(chan struct{})}
}

func (d *fakeDevice) Path() string           { return d.path }
func (d *fakeDevice) Done() <-chan struct{}  { return d.done }
func (d *fakeDevice) Err() error             { return d.err }
func (d *fakeDevice) Batches() (_, _ uint64) { return 0, 0 }

func (d *fakeDevice) Stop(context.Context) error {
	d.stops++
	switch {
	case d.stops <= d.refusals:
		return fmt.Errorf("stop: %w: run `swapoff %s` first", swapdev.ErrInUse, d.path)
	case d.failure != nil:
		return d.failure
	}
	close(d.done)
	return nil
}

// TestNobodyReadsThePath has a standard output that is full: the server hears the signal all
// the same.
func TestNobodyReadsThePath(t *testing.T) {
	reading, writing := io.Pipe()
	dev, signals := newFakeDevice(), make(chan os.Signal, 1)
	signals <- unix.SIGTERM
	var log bytes.Buffer
	s := &session{dev: dev, log: zerolog.New(&log)}
	ended := make(chan error, 1)
	go func() { ended <- s.run(writing, &options{priority: -1}, signals) }()
	select {
	case err := <-ended:
		if err != nil || !strings.Contains(log.String(), "nobody reads the device's path yet") {
			t.Errorf("%v, %s", err, log.String())
		}
	case <-time.After(time.Minute):
		t.Error("the server waits for the reader of its standard output")
	}
	if err := errors.Join(reading.Close(), writing.Close()); err != nil {
		t.Error(err)
	}
}

func TestSession(t *testing.T) {
	failed := errors.New("queue 0 failed")
	for name, tc := range map[string]struct {
		change  func(*fakeDevice)
		signals int
		swapon  bool
		code    int
		stops   int
		log     string
	}{
		"stopped by a signal":      {signals: 1, stops: 1, log: "device removed"},
		"refused, then stopped":    {change: func(d *fakeDevice) { d.refusals = 2 }, signals: 3, stops: 3, log: "not stopping"},
		"stopped on its socket":    {change: func(d *fakeDevice) { close(d.done) }, log: "device removed"},
		"failed":                   {change: func(d *fakeDevice) { d.err = failed; close(d.done) }, code: command.ExitFailed, log: "takes I/O"},
		"cannot stop":              {change: func(d *fakeDevice) { d.failure = failed }, signals: 1, stops: 1, code: command.ExitFailed, log: "asked to stop"},
		"swapon fails, so it goes": {swapon: true, stops: 1, code: command.ExitFailed, log: "device removed"},
	} {
		t.Run(name, func(t *testing.T) {
			dev := newFakeDevice()
			if tc.change != nil {
				tc.change(dev)
			}
			var log, out bytes.Buffer
			signals := make(chan os.Signal, 3)
			for range tc.signals {
				signals <- unix.SIGTERM
			}
			s := &session{dev: dev, log: zerolog.New(&log)}
			err := s.run(&out, &options{swapon: tc.swapon, priority: -1}, signals)
			if got := command.ExitCode(err, true); got != tc.code {
				t.Errorf("%v is exit code %d, want %d", err, got, tc.code)
			}
			if dev.stops != tc.stops {
				t.Errorf("%d stops, want %d", dev.stops, tc.stops)
			}
			if !strings.Contains(log.String(), tc.log) {
				t.Errorf("log %q lacks %q", log.String(), tc.log)
			}
			if want := dev.path + "\n"; !tc.swapon && out.String() != want || tc.swapon && out.Len() > 0 {
				t.Errorf("standard output %q", out.String())
			}
		})
	}
}
