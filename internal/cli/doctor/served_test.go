package doctor

import (
	"strings"
	"testing"

	"github.com/farswap/farswap/internal/machine"
	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/status/statustest"
)

// unusedID is the number of a device that no test machine has.
const unusedID = 7004

// TestServed asks devices and a donor that are served: those that are well say nothing. A device
// whose server is gone is told with what helps.
func TestServed(t *testing.T) {
	root := t.TempDir()
	serve := func(dir string, open func(socket string) (*status.Server, error)) {
		t.Helper()
		lock, err := status.Acquire(dir)
		if err != nil {
			t.Fatal(err)
		}
		server, err := open(status.Socket(dir))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := server.Close(); err != nil {
				t.Error(err)
			}
			if err := lock.Remove(); err != nil {
				t.Error(err)
			}
		})
	}
	device := func(id int, d status.Device) {
		serve(status.StateDir(root, id), func(socket string) (*status.Server, error) {
			return status.ServeDevice(socket, statustest.DeviceFunc(func() status.Device { return d }))
		})
	}
	device(0, status.Device{Swap: true, IO: status.IO{Reads: measuredReads, BytesRead: 4096 * measuredReads, RemoteReads: 100, Prefetched: 10, PrefetchHits: 90}})
	device(1, status.Device{DonorsIgnored: 5, Donors: make([]status.Donor, 256), LogDropped: 7, UblkRefused: 9})
	serve(status.DonorDir(root, "mem1"), func(socket string) (*status.Server, error) {
		return status.ServeDonor(socket, statustest.DonorFunc(func() status.DonorDaemon { return status.DonorDaemon{LogDropped: 3} }))
	})
	dead, err := status.Acquire(status.StateDir(root, unusedID))
	if err != nil {
		t.Fatal(err)
	}
	if err := dead.Release(); err != nil {
		t.Fatal(err)
	}
	// One that is no swap says nothing about the kernel's readahead of swap.
	device(2, status.Device{IO: status.IO{Reads: 1 << 40}})
	m := healthy(t)
	m.file("proc/sys/vm/page-cluster", "0")
	got := servedChecks(t.Context(), m.Machine, root)
	want := []string{"7 lines of its log", "5 donors of its cluster are ignored: it has 256", "refused 9 commands", "only its state folder is left", "3 lines of its log", "a read asks for 1.0 pages"}
	if len(got) != len(want) {
		t.Fatalf("got %+v", got)
	}
	for i, c := range got {
		name := "ublkb1"
		switch i {
		case 3:
			name = "ublkb7004"
		case 4:
			name = "donor mem1"
		case 5:
			name = "page-cluster"
		}
		if c.Name != name || c.State != machine.Warn || !strings.Contains(c.Found, want[i]) || c.Advice == "" {
			t.Errorf("got %+v, want %q of %s", c, want[i], name)
		}
	}
	// They say nothing about what this machine can serve.
	e, err := examine(healthy(t).Machine, goodServer, got...)
	if err != nil || !e.Device || !strings.Contains(e.summary(), "A device can be served here") || strings.Contains(e.summary(), "by root") {
		t.Errorf("%v, %q", err, e.summary())
	}
}
