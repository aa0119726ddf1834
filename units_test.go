package farswap_test

import (
	"os/exec"
	"path/filepath"
	"testing"
)

// TestUnitsAreSandboxed holds the systemd units to an exposure, in tenths, as systemd's own
// examination counts it: 0 is none and 100 everything. `./do` installs systemd-analyze.
func TestUnitsAreSandboxed(t *testing.T) {
	for unit, most := range map[string]string{"donor": "30", "metrics": "30", "dash": "30"} {
		path := filepath.Join("contrib/systemd", "farswap-"+unit+".service")
		out, err := exec.Command("systemd-analyze", "security", "--offline=yes", "--no-pager", "--threshold="+most, path).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v: %s", unit, err, out)
		}
	}
}
