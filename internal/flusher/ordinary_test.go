package flusher

import (
	"os/exec"
	"runtime"
	"strings"
	"testing"
)

// TestOrdinary starts a process from a thread that is real-time, where this process may be that.
func TestOrdinary(t *testing.T) {
	policy := make(chan string)
	for _, before := range []func(){func() {}, func() { _ = realtime.set() }, func() { _ = ioFlusher.set() }} {
		go func() {
			runtime.LockOSThread() // for good
			before()
			Ordinary()
			if on, err := ioFlusher.has(); on && err == nil {
				t.Error("the thread is still an I/O flusher")
			}
			out, err := exec.Command("cat", "/proc/self/sched").Output()
			if err != nil { // a kernel without this file: ask the thread itself
				if on, _ := realtime.has(); on {
					policy <- "policy : 2"
					return
				}
				out = []byte("policy : 0")
			}
			policy <- string(out)
		}()
		for line := range strings.Lines(<-policy) {
			name, value, _ := strings.Cut(line, ":")
			if strings.TrimSpace(name) == "policy" && strings.TrimSpace(value) != "0" {
				t.Errorf("the process has the scheduling policy %s", value)
			}
		}
	}
}
