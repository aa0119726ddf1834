//go:build !vm

package vmtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A program of another module builds against this one, with a replace and without the
// network, and passes vet. Commands on ./... do not see it: it has a go.mod of its own.
func TestStrangerBuilds(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "stranger")
	run := func(name string, args ...string) (string, error) {
		cmd := exec.Command(name, args...)
		cmd.Dir = "stranger"
		cmd.Env = append(os.Environ(), "GOPROXY=off", "GOFLAGS=-mod=readonly", "GOWORK=off", "CGO_ENABLED=0")
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	for _, args := range [][]string{{"vet", "."}, {"build", "-o", binary, "."}} {
		if out, err := run("go", args...); err != nil {
			t.Fatalf("go %s: %v (if go.mod is stale: go mod tidy, in vmtest/stranger)\n%s", strings.Join(args, " "), err, out)
		}
	}
	if _, err := os.Stat("/dev/ublk-control"); err == nil {
		return // running it is for the suite in the virtual machine
	}
	out, err := run(binary)
	if exit, ok := err.(*exec.ExitError); !ok || exit.ExitCode() != 77 || !strings.Contains(out, "the kernel has no ublk") {
		t.Errorf("without ublk: %v, want exit code 77\n%s", err, out)
	}
}
