package device

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/farswap/farswap/internal/inuse"
	"github.com/farswap/farswap/status"
)

// testEnding is the end of a server that this process plays: it holds the lock of the state folder.
func testEnding(t *testing.T) (*ending, *status.Lock, *bytes.Buffer) {
	t.Helper()
	lock, err := status.Acquire(filepath.Join(t.TempDir(), "7"))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	return &ending{
		dir: lock.Dir(), path: "/dev/ublkb7", server: os.Getpid(), stderr: &out,
		openers: func(string) []inuse.Opener { return nil },
		advice:  func() (string, error) { return "do this", nil },
	}, lock, &out
}

// TestStopTellsWhoHasTheDeviceOpen: a stop that waits for others says for whom, once for each of them.
func TestStopTellsWhoHasTheDeviceOpen(t *testing.T) {
	e, lock, out := testEnding(t)
	looks := 0
	e.openers = func(string) []inuse.Opener {
		looks++
		switch {
		case looks < 4:
			return []inuse.Opener{{PID: 12, Name: "mkfs.ext4"}, {PID: 13, Name: "dd"}}
		case looks < 8:
			return []inuse.Opener{{PID: 13, Name: "dd"}}
		case looks == 8:
			if err := lock.Remove(); err != nil {
				t.Error(err)
			}
		}
		return nil
	}
	if err := e.await(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := "/dev/ublkb7 is open in process 12 (mkfs.ext4), process 13 (dd): the stop waits until it is closed\n" +
		"/dev/ublkb7 is open in process 13 (dd): the stop waits until it is closed\n"
	if out.String() != want {
		t.Errorf("said %q", out)
	}
}

// TestStopThatIsLateSaysWhy: at the end of its time a stop names who keeps it from ending.
func TestStopThatIsLateSaysWhy(t *testing.T) {
	e, lock, _ := testEnding(t)
	defer func() { _ = lock.Remove() }()
	e.tellAfter = time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := e.await(ctx); err == nil || !strings.Contains(err.Error(), "look at its log") {
		t.Errorf("nobody has it open: %v", err)
	}
	e.openers = func(string) []inuse.Opener { return []inuse.Opener{{PID: 12, Name: "dd"}} }
	if err := e.await(ctx); err == nil || !strings.Contains(err.Error(), "open in process 12 (dd)") {
		t.Errorf("somebody has it open: %v", err)
	}
}

// TestStopOfAServerThatIsKilled: a server that was killed before it had removed its device is not one that has
// stopped it.
func TestStopOfAServerThatIsKilled(t *testing.T) {
	e, lock, _ := testEnding(t)
	if err := lock.Release(); err != nil {
		t.Fatal(err)
	}
	if err := e.await(t.Context()); err == nil || !strings.Contains(err.Error(), "ended before it had removed the device: do this") {
		t.Errorf("nobody follows: %v", err)
	}
	e, lock, _ = testEnding(t)
	defer func() { _ = lock.Remove() }()
	e.server++ // and this process is the next one
	if err := e.await(t.Context()); err == nil || !strings.Contains(err.Error(), "has taken it over") {
		t.Errorf("another one has followed: %v", err)
	}
}
