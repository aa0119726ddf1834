package placement

import (
	"testing"
	"time"

	"github.com/farswap/farswap/control"
)

// TestRestsGrow: a donor that refuses again and again is asked more and more rarely, until it
// takes a slab or has a new session.
func TestRestsGrow(t *testing.T) {
	begun := time.Unix(1000, 0)
	now, r, session := begun, rests{}, new(control.Session)
	asked := 0
	for now.Before(begun.Add(time.Second)) {
		if !r.resting(1, session, now) {
			asked++
			r.refused(1, session, now, 0)
		}
		now = r.end(now)
	}
	if asked < 5 || asked > 12 {
		t.Errorf("a donor without room was asked %d times in a second", asked)
	}
	if !r.resting(1, session, now.Add(-time.Millisecond)) {
		t.Error("the donor does not rest")
	}
	if r.resting(1, new(control.Session), now.Add(-time.Millisecond)) {
		t.Error("the donor rests in a new session")
	}
	if r.resting(2, session, now) {
		t.Error("another donor rests")
	}
	delete(r, 1)
	r.refused(1, session, now, 0)
	if end := r.end(now); end != now.Add(restFirst) {
		t.Errorf("after a success the first rest takes %v", end.Sub(now))
	}
}

// TestStalledDonorRestsLonger: a question that takes 3 s is not asked again 5 ms later.
func TestStalledDonorRestsLonger(t *testing.T) {
	now, r, session := time.Unix(1000, 0), rests{}, new(control.Session)
	r.refused(1, session, now, 3*time.Second)
	if !r.resting(1, session, now.Add(6*time.Second-1)) || r.resting(1, session, now.Add(6*time.Second)) {
		t.Errorf("the donor rests until %v", r[1].end)
	}
}

// TestNobodyToAsk: without any donor the mapper looks for one once in the longest rest.
func TestNobodyToAsk(t *testing.T) {
	now := time.Unix(1000, 0)
	if end := (rests{}).end(now); end != now.Add(restMost) {
		t.Errorf("the next attempt comes after %v", end.Sub(now))
	}
}
