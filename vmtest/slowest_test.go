//go:build !vm

package vmtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestSlowest gives the script the outputs of two recipes, with one name in both.
func TestSlowest(t *testing.T) {
	dir := t.TempDir()
	unit, suite := filepath.Join(dir, "unit.log"), filepath.Join(dir, "vmsuite-7.3.log")
	for path, text := range map[string]string{
		unit: "--- PASS: TestA (2.00s)\nok  \tp\t2s\n--- PASS: TestB (0.99s)\n--- SKIP: TestC (9.00s)\nok  \tq\t1s\n",
		suite: "--- FAIL: TestA (40.50s)\n    --- PASS: TestA/10-one (1.50s)\n    --- FAIL: TestA/11-two (39.00s)\n" +
			"        --- FAIL: TestA/11-two/x (38.00s)\n--- PASS: TestB (3.00s)\nFAIL\n",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const want = "    38.0 s  vmsuite-7.3     TestA/11-two/x\n" +
		"     3.0 s  vmsuite-7.3     TestB\n" +
		"     2.0 s  unit            TestA\n" +
		"     1.5 s  vmsuite-7.3     TestA/10-one\n"
	got, err := exec.Command("./slowest", unit, suite).Output()
	if err != nil || string(got) != want {
		t.Errorf("%v, shown:\n%s\nwant:\n%s", err, got, want)
	}
}
