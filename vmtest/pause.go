package vmtest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// PauseMachine has the host stop the whole virtual machine for whole seconds, 1 to 60, and
// returns when it goes on. Nothing in it runs meanwhile, and its clocks go on.
func (w *World) PauseMachine(d time.Duration) {
	w.Helper()
	port, err := os.OpenFile(w.port("pause"), os.O_WRONLY, 0)
	if err != nil {
		w.Fatal(err)
	}
	defer port.Close()
	last := time.Now()
	if _, err := fmt.Fprintln(port, int(d/time.Second)); err != nil {
		w.Fatalf("ask the host for a pause: %v", err)
	}
	// Only a machine that stands still makes nobody look at the clock for so long.
	var gap time.Duration
	w.Until(d+time.Minute, "the machine was stopped", func() bool {
		gap = max(gap, time.Since(last))
		last = time.Now()
		return gap >= d*3/4
	})
	w.Logf("the clock jumped by %v", gap.Round(time.Millisecond))
}

// port is the device of the virtio port with a name.
func (w *World) port(name string) string {
	w.Helper()
	names, err := filepath.Glob("/sys/class/virtio-ports/*/name")
	if err != nil {
		w.Fatal(err)
	}
	for _, path := range names {
		if text, _ := os.ReadFile(path); strings.TrimSpace(string(text)) == name {
			return filepath.Join("/dev", filepath.Base(filepath.Dir(path)))
		}
	}
	w.Fatalf("the virtual machine has no port %q, only %q: it needs vmtest/vm/vm without a terminal", name, names)
	return ""
}
