//go:build !vm

package vmtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestFailures has the script show what failed, and nothing else.
func TestFailures(t *testing.T) {
	const passed = "=== RUN   TestA\n    a_test.go:1: well\n--- PASS: TestA (0.00s)\nok  \tp\t0.1s\n"
	for name, test := range map[string]struct{ log, want string }{
		"nothing": {passed, ""},
		"a subtest, others after it": {
			"=== RUN   TestA\n=== RUN   TestA/one\n    bad\n=== RUN   TestA/two\n    well\n" +
				"--- FAIL: TestA (0.00s)\n    --- FAIL: TestA/one (0.00s)\n    --- PASS: TestA/two (0.00s)\nFAIL\n",
			"--- FAIL: TestA (0.00s)\n    --- FAIL: TestA/one (0.00s)\n    bad\n",
		},
		"in parallel": {
			"=== RUN   TestA\n=== PAUSE TestA\n=== RUN   TestB\n=== PAUSE TestB\n=== CONT  TestA\n    a\n" +
				"=== CONT  TestB\n    b\n=== NAME  TestA\n    a again\n--- FAIL: TestA (0.00s)\n--- PASS: TestB (0.00s)\n",
			"--- FAIL: TestA (0.00s)\n    a\n    a again\n",
		},
		"one name in two packages": {
			passed + "=== RUN   TestA\n    bad\n--- FAIL: TestA (0.00s)\nFAIL\tq\t0.1s\n" + passed,
			"--- FAIL: TestA (0.00s)\n    bad\n",
		},
		"no build": {
			passed + "# q\nq.go:1: no\nFAIL\tq [build failed]\n",
			"FAIL\tq [build failed]\n# q\nq.go:1: no\n",
		},
		"a panic, then another package": {
			"=== RUN   TestA\npanic: oh\n\ngoroutine 1\nFAIL\tp\t0.1s\n=== RUN   TestB\n    bad\n--- FAIL: TestB (0.00s)\n",
			"panic: oh\n\ngoroutine 1\n--- FAIL: TestB (0.00s)\n    bad\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "log")
			if err := os.WriteFile(path, []byte(test.log), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := exec.Command("./failures", path).Output()
			if string(got) != test.want || (err == nil) != (test.want != "") {
				t.Errorf("%v, shown:\n%s\nwant:\n%s", err, got, test.want)
			}
		})
	}
}
