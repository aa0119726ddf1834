package path

import "testing"

// TestRunsLeaveBuffersToWrites: at least half of them.
func TestRunsLeaveBuffersToWrites(t *testing.T) {
	for spare, want := range map[int]int{1: 1, 8: 4, 16: 8, 64: 16} {
		var a ahead
		a.init(true, 1000, 4, spare)
		if len(a.runs) != want {
			t.Errorf("of %d buffers %d are for runs, want %d", spare, len(a.runs), want)
		}
	}
}

// TestFind looks for pages in runs with and without gaps.
func TestFind(t *testing.T) {
	var a ahead
	a.init(true, 1000, 8, 16)
	if i, _ := a.find(0); i >= 0 {
		t.Errorf("page 0 is in run %d of none", i)
	}
	a.runs[1] = run{first: 100, step: 1, end: 108, pages: 8}
	a.runs[4] = run{first: 98, step: 7, end: 113, pages: 3} // 98, 105, 112
	a.kept = 2
	for page, want := range map[int64][2]int{100: {1, 0}, 107: {1, 7}, 108: {-1, 0}, 98: {4, 0}, 105: {1, 5}, 112: {4, 2}, 99: {-1, 0}, 113: {-1, 0}} {
		if i, at := a.find(page); i != want[0] || at != want[1] {
			t.Errorf("page %d is at %d of run %d, want %v", page, at, i, want)
		}
	}
}

// TestNothingIsFetchedWithoutBuffers: after a request has found no spare buffer, nothing takes
// one in that pass for pages that nobody waits for.
func TestNothingIsFetchedWithoutBuffers(t *testing.T) {
	var q queue // fetching needs more of it than there is
	q.ahead.init(true, 1000, 8, 16)
	for page := range int64(2) {
		q.followReader(page, 1)
	}
	if q.ahead.wanted == 0 {
		t.Fatal("nothing is wanted")
	}
	q.shedRun()
	q.fetchAhead()
	if q.ahead.wanted != 0 || q.ahead.short {
		t.Errorf("the next pass begins with %+v", q.ahead)
	}
}
