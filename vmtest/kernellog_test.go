//go:build !vm

package vmtest

import (
	"strings"
	"testing"
)

// TestKernelLogOfAScenario: what earlier scenarios had the kernel say is not the scenario's.
func TestKernelLogOfAScenario(t *testing.T) {
	const log = "[ 1.0] I/O error, dev ublkb0\n[ 2.0] vmtest: 48-taken-over\n[ 2.1] I/O error, dev ublkb1\n" +
		"[ 3.0] vmtest: 48-taken-over-rdma\n[ 3.1] ublkb2\n"
	for id, want := range map[string][2]string{
		"48-taken-over":      {"ublkb1", "ublkb0"},
		"48-taken-over-rdma": {"ublkb2", "ublkb1"},
	} {
		part, begun := since(log, id)
		if !begun || !strings.Contains(part, want[0]) || strings.Contains(part, want[1]) {
			t.Errorf("%s: %v, %q", id, begun, part)
		}
	}
	if part, begun := since(log, "49-upgraded"); begun || part != "" {
		t.Errorf("a scenario that has not begun: %v, %q", begun, part)
	}
}
