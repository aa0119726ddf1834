package backend

import (
	"os/exec"
	"testing"
	"time"
)

// TestStopWhatIsEnding: a device's server ends by itself when its device was stopped, which
// may be between the look at whether it runs and the signal.
func TestStopWhatIsEnding(t *testing.T) {
	cmd := exec.Command("true")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	p := &process{name: "device", cmd: cmd, done: make(chan struct{})}
	time.AfterFunc(10*time.Millisecond, func() { close(p.done) })
	if err := p.stop(t.Context()); err != nil {
		t.Error(err)
	}
}
