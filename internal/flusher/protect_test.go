//go:build !race

// The race detector reserves far more memory than a machine has, and mlockall
// would fill all of it.

package flusher

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func init() { modes["protect"] = reportProtect }

func reportProtect() {
	_, err := Protect()
	status, _ := os.ReadFile("/proc/self/status")
	adj, _ := readValue("/proc/self/oom_score_adj")
	locked := "none"
	for line := range strings.SplitSeq(string(status), "\n") {
		if size, ok := strings.CutPrefix(line, "VmLck:"); ok && strings.TrimSpace(size) != "0 kB" {
			locked = "some"
		}
	}
	dumpable, _ := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	fmt.Printf("locked=%s oom=%s dumpable=%d err=%v\n", locked, adj, dumpable, err)
}

func TestProtect(t *testing.T) {
	_, got := run(t, "protect")
	want := "locked=some oom=-1000 dumpable=0 err=<nil>\n"
	if !hasCapability(unix.CAP_SYS_RESOURCE) {
		before, _ := readValue("/proc/self/oom_score_adj")
		want = "locked=some oom=" + before + " dumpable=1 err=set oom_score_adj to -1000: CAP_SYS_RESOURCE is missing: " + capabilityHint + "\n"
	}
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
