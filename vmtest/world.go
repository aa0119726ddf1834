package vmtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// endTimeout bounds the end of everything that a scenario started.
const endTimeout = time.Minute

// World is what a scenario works in. Its methods fail the test when they cannot
// do what they are for; call them on the scenario's goroutine.
type World struct {
	testing.TB
	*Fixture
	Dir       string // empty folder on the scratch disk, gone afterwards
	Transport string // TCP or RDMA: how pages travel

	id    string          // of the scenario and its transport
	ctx   context.Context // ends at the scenario's time limit
	logs  string          // folder of what the processes print
	count int             // processes started, for the names of their logs
	undo  []func()
}

// Defer adds a step to the end of the world. The last step added runs first.
func (w *World) Defer(f func()) { w.undo = append(w.undo, f) }

// end undoes what the scenario did. It has a time of its own.
func (w *World) end() {
	if w.ctx.Err() != nil {
		w.Errorf("out of time: %v", context.Cause(w.ctx))
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(w.ctx), endTimeout)
	defer cancel()
	w.ctx = ctx
	w.unwind()
}

// unwind runs the steps that are left. A step that fails the test ends with
// runtime.Goexit, which runs deferred calls: the others still follow.
func (w *World) unwind() {
	if len(w.undo) == 0 {
		return
	}
	last := len(w.undo) - 1
	f := w.undo[last]
	w.undo = w.undo[:last]
	defer w.unwind()
	f()
}

// keepLogs copies the logs that say something to where the host sees them. They
// are written elsewhere: two processes of the guest do not always see the same
// of a file that lies on the host.
func (w *World) keepLogs() {
	target := filepath.Join(w.Logs, w.id)
	paths, _ := filepath.Glob(filepath.Join(w.logs, "*")) // the pattern is right
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err == nil && len(data) > 0 {
			err = errors.Join(os.MkdirAll(target, 0o755), os.WriteFile(filepath.Join(target, filepath.Base(path)), data, 0o644))
		}
		if err != nil {
			w.Error(err)
		}
	}
}

// longestPause is between two looks at what is waited for: often enough, and little
// work for the emulated machine.
const longestPause = 100 * time.Millisecond

// Until waits until ready says yes. It looks at once, soon after, and then every
// longestPause.
func (w *World) Until(timeout time.Duration, what string, ready func() bool) {
	w.Helper()
	if !w.until(timeout, ready) {
		w.Fatalf("waited %v in vain: %s", timeout, what)
	}
}

func (w *World) until(timeout time.Duration, ready func() bool) bool {
	ctx, cancel := context.WithTimeout(w.ctx, timeout)
	defer cancel()
	for pause := longestPause / 8; !ready(); pause = min(2*pause, longestPause) {
		select {
		case <-ctx.Done():
			return false
		case <-time.After(pause):
		}
	}
	return true
}

// Shorten is d, over RDMA half of it: the same was done over TCP before. In the short
// run it is half of that.
func (w *World) Shorten(d time.Duration) time.Duration {
	if w.Transport == RDMA {
		d /= 2
	}
	if testing.Short() {
		d /= 2
	}
	return d
}

// Phase marks a part of a scenario in the test's output and the kernel's log.
func (w *World) Phase(format string, a ...any) {
	w.Helper()
	text := fmt.Sprintf(format, a...)
	w.Log(text)
	logKernel(text)
}

// OnlyError checks that a command failed as bad input must: with this exit
// code, nothing on standard output, and one line beside its log on standard
// error, which has all the parts.
func (w *World) OnlyError(r Result, code int, parts ...string) {
	w.Helper()
	var lines []string
	for line := range strings.Lines(r.Stderr) {
		if !strings.HasPrefix(line, "{") { // an event of the log
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	if r.Code != code || r.Stdout != "" || len(lines) != 1 {
		w.Errorf("%s: exit code %d, want %d; output %q; errors, want one line: %q", r.Name, r.Code, code, r.Stdout, lines)
		return
	}
	for _, part := range parts {
		if !strings.Contains(lines[0], part) {
			w.Errorf("%s: the error does not say %q: %s", r.Name, part, lines[0])
		}
	}
}

// NoFile checks that nothing half-made lies there.
func (w *World) NoFile(path string) {
	w.Helper()
	if _, err := os.Lstat(path); err == nil {
		w.Errorf("%s was left behind", path)
	}
}
