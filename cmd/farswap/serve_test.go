package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/status"
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
	return &fakeDevice{path: fmt.Sprint("/dev/ublkb", unusedID), done: make(chan struct{})}
}

func (d *fakeDevice) Path() string          { return d.path }
func (d *fakeDevice) Done() <-chan struct{} { return d.done }
func (d *fakeDevice) Err() error            { return d.err }

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
		"failed":                   {change: func(d *fakeDevice) { d.err = failed; close(d.done) }, code: exitFailed, log: "takes I/O"},
		"cannot stop":              {change: func(d *fakeDevice) { d.failure = failed }, signals: 1, stops: 1, code: exitFailed, log: "asked to stop"},
		"swapon fails, so it goes": {swapon: true, stops: 1, code: exitFailed, log: "device removed"},
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
			err := s.run(&out, &addOptions{swapon: tc.swapon, priority: -1}, signals)
			if got := exitCode(err, true); got != tc.code {
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

func TestExitCode(t *testing.T) {
	for _, tc := range []struct {
		err  error
		ran  bool
		want int
	}{
		{nil, true, exitDone},
		{errors.New("x"), true, exitFailed},
		{errors.New("x"), false, exitUsage},
		{usage("x"), true, exitUsage},
		{fmt.Errorf("add: %w", swapdev.ErrConfig), true, exitUsage},
		{fmt.Errorf("stop: %w", status.ErrRefused), true, exitRefused},
		{errors.Join(errors.New("x"), swapdev.ErrInUse), true, exitRefused},
		{status.ErrStateInUse, true, exitFailed},
	} {
		if got := exitCode(tc.err, tc.ran); got != tc.want {
			t.Errorf("%v: got %d, want %d", tc.err, got, tc.want)
		}
	}
}

func TestOneLine(t *testing.T) {
	if got := oneLine(errors.Join(errors.New("a"), errors.New("b\r\nc"))); got != "a; b; c" {
		t.Errorf("got %q", got)
	}
}
