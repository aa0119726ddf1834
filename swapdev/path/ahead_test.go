package path

import "testing"

// TestRunsLeaveBuffersToWrites: at least half of them.
func TestRunsLeaveBuffersToWrites(t *testing.T) {
	for spare, want := range map[int]int{1: 1, 8: 4, 16: 8, 64: 8} {
		var a ahead
		a.init(true, 4, spare)
		if len(a.runs) != want {
			t.Errorf("of %d buffers %d are for runs, want %d", spare, len(a.runs), want)
		}
	}
}
