package doctor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/farswap/farswap/internal/machine"
)

// TestSleep: the row says whether the machine could sleep while a device is swap.
func TestSleep(t *testing.T) {
	const (
		lock = "run/systemd/inhibit/"
		swap = "Filename Type Size Used Priority\n/dev/ublkb0 partition 4 4 -2"
		ours = "# This is private data. Do not parse.\nWHAT=sleep\nMODE=block\nUID=0\nPID=7\nWHO=farswap\nWHY=/dev/ublkb0 is swap"
	)
	for name, tc := range map[string]struct {
		files map[string]string
		state machine.State
		found string
	}{
		"cannot":            {map[string]string{"proc/swaps": swap}, machine.OK, "no way to sleep"},
		"no swap":           {map[string]string{"sys/power/state": "freeze mem disk", lock: ""}, machine.OK, "logind holds it off while"},
		"no logind":         {map[string]string{"sys/power/state": "mem"}, machine.OK, "without logind"},
		"held":              {map[string]string{"sys/power/state": "mem", "proc/swaps": swap, lock + "4": ours}, machine.OK, "held off by a server"},
		"with quotes":       {map[string]string{"sys/power/state": "mem", "proc/swaps": swap, lock + "4": strings.ReplaceAll(ours, "=farswap", `="farswap"`)}, machine.OK, "held off by a server"},
		"of another":        {map[string]string{"sys/power/state": "mem", "proc/swaps": swap, lock + "4": strings.ReplaceAll(ours, "=farswap", "=editor")}, machine.Warn, "nothing keeps"},
		"only a delay":      {map[string]string{"sys/power/state": "mem", "proc/swaps": swap, lock + "4": strings.ReplaceAll(ours, "=block", "=delay")}, machine.Warn, "nothing keeps"},
		"swap and no lock":  {map[string]string{"sys/power/state": "mem", "proc/swaps": swap, lock: ""}, machine.Warn, "suspend then fails"},
		"swap of something": {map[string]string{"sys/power/state": "mem", "proc/swaps": strings.ReplaceAll(swap, "ublkb0", "sda2"), lock: ""}, machine.OK, "while a device is swap"},
	} {
		t.Run(name, func(t *testing.T) {
			s := healthy(t)
			for path, text := range tc.files {
				if strings.HasSuffix(path, "/") {
					if err := os.MkdirAll(filepath.Join(s.Root, path), 0o755); err != nil {
						t.Fatal(err)
					}
					continue
				}
				s.file(path, text)
			}
			got := checkSleep(s.Machine)
			if got.State != tc.state || !strings.Contains(got.Found, tc.found) || (got.Advice != "") != (tc.state == machine.Warn) {
				t.Errorf("got %+v", got)
			}
		})
	}
}
