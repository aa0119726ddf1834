package cli

import (
	"encoding/json"
	"net/netip"
	"testing"

	"github.com/farswap/farswap/internal/cli/command"
)

// TestDoctorHere runs the command on the machine that the test runs on.
func TestDoctorHere(t *testing.T) {
	dir := t.TempDir()
	got := execute(t, dir, "doctor", "--for", "127.0.0.1", "--json")
	var e struct {
		Device bool
		Checks []struct{ Name, State, Found, Advice string }
		RDMA   []json.RawMessage `json:"rdma_devices"`
		For    *struct {
			Local  netip.Addr
			Netdev string
		}
	}
	if err := json.Unmarshal([]byte(got.stdout), &e); err != nil {
		t.Fatalf("got %+v, %v", got, err)
	}
	if e.Device != (got.code == command.ExitDone) || got.code > command.ExitFailed || (got.stderr == "") != e.Device {
		t.Errorf("got %+v, device %v", got, e.Device)
	}
	if len(e.Checks) < 12 || e.RDMA == nil || e.For == nil || e.For.Local != netip.MustParseAddr("127.0.0.1") || e.For.Netdev != "lo" {
		t.Errorf("got %+v, %+v", e, e.For)
	}
	bad("flag alone", 2, "doctor --rdma-gid 1", "--rdma-gid|--for").run(t, dir)
	bad("port alone", 2, "doctor --for 127.0.0.1 --rdma-port 1", "--rdma-port|--rdma-device").run(t, dir)
	bad("argument", 2, "doctor mem1", `unexpected argument "mem1"`).run(t, dir)
}
