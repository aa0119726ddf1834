//go:build !vm

package vmtest

import (
	"context"
	"testing"
	"time"
)

// TestProcessesEnd waits for one that ends by itself, one that is killed, and one whose
// scenario is out of time.
func TestProcessesEnd(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	w := &World{TB: t, ctx: ctx, logs: t.TempDir()}
	if r := w.Start(nil, "sh", "-c", "echo out; echo err >&2; exit 3").Wait(time.Minute); r.Code != 3 || r.Stdout != "out\n" || r.Stderr != "err\n" {
		t.Errorf("%+v", r)
	}
	killed := w.Start(nil, "sleep", "600")
	killed.Kill()
	if killed.Running() {
		t.Error("it runs, killed")
	}
	late := w.Start(nil, "sleep", "600")
	defer func() {
		w.ctx = t.Context()
		w.unwind()
		if late.Running() {
			t.Error("it runs after the end of its world")
		}
	}()
	if late.ends(10 * time.Millisecond) {
		t.Error("it has ended, within a hundredth of its time")
	}
	cancel()
	if late.ends(time.Hour) {
		t.Error("it has ended, when only the scenario has")
	}
}
