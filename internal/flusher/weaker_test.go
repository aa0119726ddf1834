//go:build weaker

package flusher

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func init() { modes["weaker"] = reportWeaker }

// reportWeaker prints what this process has, as the kernel says and not as the package does.
func reportWeaker() {
	if err := Reexec(); err != nil && !errors.Is(err, ErrCapability) {
		fmt.Println(err)
		return
	}
	if _, err := Protect(); err != nil && !errors.Is(err, ErrCapability) {
		fmt.Println(err)
		return
	}
	flusher, _ := unix.PrctlRetInt(unix.PR_GET_IO_FLUSHER, 0, 0, 0, 0)
	attr, _ := unix.SchedGetAttr(0, 0)
	status, _ := os.ReadFile("/proc/self/status")
	fmt.Printf("flusher=%v realtime=%v locked=%v\n", flusher == 1, attr.Policy == unix.SCHED_RR, !strings.Contains(string(status), "VmLck:\t       0 kB"))
}

// TestWeaker: a server of this build lacks what it is told to go without, and nothing else.
func TestWeaker(t *testing.T) {
	t.Setenv(without, "")
	_, whole := run(t, "weaker")
	if !strings.Contains(whole, "locked=true") {
		t.Fatalf("a server that goes without nothing: %s", whole)
	}
	for _, name := range []string{"flusher", "realtime", "locked"} {
		t.Setenv(without, name)
		_, got := run(t, "weaker")
		if want := strings.Replace(whole, name+"=true", name+"=false", 1); got != want {
			t.Errorf("without %s: %s, want %s", name, got, want)
		}
	}
}
