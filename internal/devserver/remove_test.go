package devserver

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/farswap/farswap/internal/inuse"
)

// heldDevice is removed once it may be. The test does without the other methods.
type heldDevice struct {
	Device
	path string
	may  chan struct{}
}

func (d heldDevice) Path() string { return d.path }

func (d heldDevice) Delete() error {
	<-d.may
	return nil
}

// TestRemovalTellsWhoHoldsIt: while the driver waits for who has the device open, the server says who that is.
func TestRemovalTellsWhoHoldsIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ublkb-of-a-test")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	held := make(chan []inuse.Opener, 8)
	d := heldDevice{path: path, may: make(chan struct{})}
	s := &Server{config: Config{Held: func(by []inuse.Opener) { held <- by }}, device: d}
	removed := make(chan error, 1)
	go func() { removed <- s.remove() }()
	select {
	case by := <-held:
		if !slices.ContainsFunc(by, func(o inuse.Opener) bool { return o.PID == os.Getpid() }) {
			t.Errorf("held by %v", by)
		}
	case <-time.After(time.Minute):
		t.Error("nobody is told")
	}
	close(d.may)
	if err := <-removed; err != nil || len(held) > 0 {
		t.Errorf("%v, and told %d times more", err, len(held))
	}
}
