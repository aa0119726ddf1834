//go:build !vm

package vmtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestPathGate runs the gate with figures as they come, and as they should not.
func TestPathGate(t *testing.T) {
	const recorded = "# kernel 7.3.4\nread 1 1000 900\nread 8 500 700\nwrite 32 2000 1800\n"
	for name, test := range map[string]struct {
		measured string
		passes   bool
		says     string
	}{
		"as recorded": {recorded, true, "ok    read 1 under way: 1000"},
		"a little more": {
			"# kernel 7.3.4\nread 1 1049 900\nread 8 500 700\nwrite 32 2000 1800\n", true, "+4.9% of 1000",
		},
		"too much more": {
			"# kernel 7.3.4\nread 1 1000 900\nread 8 500 700\nwrite 32 2110 1800\n", false, "FAIL  write 32 under way: 2110 instructions a page, +5.5% of 2000",
		},
		"without nbd, but at the least depth": {
			"# kernel 7.3.5\nread 1 1100 990\nread 8 550 -\nwrite 32 2000 1800\n", true, "read 8 under way: 550 instructions a page, +0.0% of 550",
		},
		"without nbd at the least depth, where another kernel needs it": {
			"# kernel 7.3.5\nread 1 1000 -\nread 8 500 700\nwrite 32 2000 1800\n", false, "FAIL  read 1 under way: not measured",
		},
		"cheaper": {
			"# kernel 7.3.4\nread 1 900 900\nread 8 500 700\nwrite 32 2000 1800\n", true, "cheaper than recorded: read 1;",
		},
		"not measured": {
			"# kernel 7.3.4\nread 1 1000 900\nread 8 500 700\n", false, "FAIL  write 32 under way: not measured",
		},
		"nbd alone is dearer, on the same kernel": {
			"# kernel 7.3.4\nread 1 1100 990\nread 8 500 700\nwrite 32 2000 1800\n", false, "FAIL  read 1",
		},
		"another kernel, and nbd as it varies with many under way": {
			"# kernel 7.3.5\nread 1 1000 900\nread 8 500 500\nwrite 32 2000 1800\n", true, "read 8 under way: 500 instructions a page, +0.0% of 500",
		},
		"another kernel, on which nbd is dearer, too": {
			"# kernel 7.3.5\nread 1 1100 990\nread 8 550 700\nwrite 32 2000 1800\n", true, "read 1 under way: 1100 instructions a page, +0.0% of 1100",
		},
	} {
		t.Run(name, func(t *testing.T) {
			figures, data := filepath.Join(t.TempDir(), "figures"), filepath.Join(t.TempDir(), "data")
			for path, text := range map[string]string{figures: recorded, data: test.measured} {
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			printed, err := exec.Command("./path-gate", "check", figures, data).CombinedOutput()
			if (err == nil) != test.passes || !strings.Contains(string(printed), test.says) {
				t.Errorf("%v, printed:\n%s\nwant %q", err, printed, test.says)
			}
		})
	}
}

// TestPathGateRecords writes figures that the gate then accepts.
func TestPathGateRecords(t *testing.T) {
	figures, data := filepath.Join(t.TempDir(), "figures"), filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(data, []byte("# kernel 7.3.4\nread 1 1000 900\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"record", "check"} {
		if printed, err := exec.Command("./path-gate", verb, figures, data).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", verb, err, printed)
		}
	}
}
