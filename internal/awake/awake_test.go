package awake

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// fakeTool puts a program systemd-inhibit first on the path. It runs a shell script, and appends its
// arguments and its end to the file that is returned.
func fakeTool(t *testing.T, script string) (log string) {
	t.Helper()
	dir := t.TempDir()
	log = filepath.Join(dir, "log")
	text := "#!/bin/sh\necho \"$@\" >>" + log + "\n" + script + "\necho ended >>" + log + "\n"
	if err := os.WriteFile(filepath.Join(dir, "systemd-inhibit"), []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	return log
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestHold: the lock is held when Hold returns, and until it is given back.
func TestHold(t *testing.T) {
	log := fakeTool(t, `while [ "$1" != cat ]; do shift; done; "$@"`)
	lock, err := Hold("/dev/ublkb7 is swap")
	if err != nil {
		t.Fatal(err)
	}
	if got := read(t, log); got != "--what=sleep --mode=block --who=farswap --why=/dev/ublkb7 is swap cat\n" {
		t.Errorf("while it is held: %q", got)
	}
	select {
	case <-lock.Ended():
		t.Error("it has ended")
	default:
	}
	lock.Release()
	<-lock.Ended()
	if got := read(t, log); !strings.HasSuffix(got, "cat\nended\n") {
		t.Errorf("after its end: %q", got)
	}
}

// TestNoLock: logind is not there, or ends.
func TestNoLock(t *testing.T) {
	fakeTool(t, "echo 'Failed to connect to bus: No such file' >&2; echo more >&2; exit 1")
	if _, err := Hold("x"); !errors.Is(err, ErrNone) || !strings.HasSuffix(err.Error(), "Failed to connect to bus: No such file") {
		t.Errorf("without logind: %v", err)
	}
	t.Setenv("PATH", t.TempDir())
	if _, err := Hold("x"); !errors.Is(err, ErrNone) {
		t.Errorf("without the tool: %v", err)
	}
}

// TestWatch: a lock is held while it is wanted, and taken again after its end. A refusal is told once.
func TestWatch(t *testing.T) {
	var wanted atomic.Bool
	told := make(chan string)
	locks := make(chan *Lock, 8)
	var refuse atomic.Bool // from then on
	w := &Watch{
		Wanted: wanted.Load, Why: "x", Every: time.Millisecond,
		Tell: func(held bool, err error) { told <- fmt.Sprint(held, " ", err) },
		hold: func(string) (*Lock, error) {
			if refuse.Load() {
				return nil, ErrNone
			}
			ended := make(chan struct{})
			l := &Lock{stdin: closer(func() { close(ended) }), kill: func() error { return nil }, ended: ended}
			locks <- l
			return l, nil
		},
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); w.Run(ctx) }()
	hear := func(when, want string) {
		t.Helper()
		if got := <-told; got != want {
			t.Errorf("%s: told %q, want %q", when, got, want)
		}
	}
	wanted.Store(true)
	hear("wanted", "true <nil>")
	first := <-locks
	_ = first.stdin.Close() // logind ends
	hear("it ended", "false <nil>")
	hear("taken again", "true <nil>")
	wanted.Store(false)
	hear("not wanted", "false <nil>")
	<-(<-locks).Ended()
	refuse.Store(true)
	wanted.Store(true)
	hear("refused", "false "+ErrNone.Error())
	cancel()
	<-done
}

// closer is an end of a pipe.
type closer func()

func (c closer) Write(p []byte) (int, error) { return len(p), nil }
func (c closer) Close() error                { c(); return nil }
