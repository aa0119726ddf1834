package farswap_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// units are the systemd units, by name, with the most exposure that each may have in tenths, as
// systemd's own examination counts it: 0 is none and 100 everything.
var units = map[string]string{"donor": "25", "metrics": "20", "dash": "20", "device": "50"}

func unitPath(unit string) string {
	return filepath.Join("contrib/systemd", "farswap-"+unit+".service")
}

// TestUnitsAreSandboxed holds the units to their exposure. `./do` installs systemd-analyze.
func TestUnitsAreSandboxed(t *testing.T) {
	for unit, most := range units {
		out, err := exec.Command("systemd-analyze", "security", "--offline=yes", "--no-pager", "--threshold="+most, unitPath(unit)).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v: %s", unit, err, out)
		}
	}
}

// TestUnitsAreComplete looks for what the examination does not count, or not enough.
func TestUnitsAreComplete(t *testing.T) {
	all := []string{"LimitCORE=0", "ExecReload=/bin/kill -HUP $MAINPID", "NoNewPrivileges=yes"}
	adapters := []string{"DeviceAllow=/dev/infiniband/rdma_cm rw", "DeviceAllow=char-infiniband_verbs rw"} // ProtectClock= closes all others
	notRoot := []string{"User=farswap", "Group=farswap", "CapabilityBoundingSet=", "ExecStartPre=+/usr/bin/install -d -m 1775 -g farswap /run/farswap"}
	for unit, want := range map[string][]string{
		"donor":   slices.Concat(all, adapters, notRoot, []string{"ReadWritePaths=-/run/farswap", "LimitMEMLOCK=infinity"}),
		"metrics": slices.Concat(all, notRoot),
		"dash":    slices.Concat(all, notRoot),
		"device": slices.Concat(all, adapters, []string{
			"Requires=run-farswap-noswap.mount", "ExitType=cgroup", "NotifyAccess=all",
			"KillMode=mixed", "TimeoutStopSec=infinity", "SendSIGKILL=no", "OOMScoreAdjust=-1000", "LimitMEMLOCK=infinity", "MemorySwapMax=0",
			"DeviceAllow=/dev/ublk-control rw", "DeviceAllow=char-ublk-char rw", "DeviceAllow=block-* rw",
		}),
	} {
		text, err := os.ReadFile(unitPath(unit))
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(string(text), "\n")
		for _, line := range want {
			if !slices.Contains(lines, line) {
				t.Errorf("%s has no line %q", unit, line)
			}
		}
		// Whether a device is mounted is read from process 1, which this would hide from the server.
		if unit == "device" && strings.Contains(string(text), "\nProtectProc=") {
			t.Errorf("%s hides process 1", unit)
		}
		// The server takes its own device off, whatever number it has.
		if strings.Contains(string(text), "/dev/ublkb") {
			t.Errorf("%s names the number of a device", unit)
		}
	}
}
