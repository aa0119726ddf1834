package patience

import "testing"

const timeout = 100

// looks makes looks at the given times, and returns the index of the first that finds the
// peer late, -1 for none.
func looks(w *Watch, since int64, times ...int64) int {
	for i, now := range times {
		if w.Late(now, since) {
			return i
		}
	}
	return -1
}

func TestSilenceIsFound(t *testing.T) {
	w := NewWatch(timeout)
	// 1,000 + 100 is not late yet, 1,110 is seen for the first time.
	if got := looks(&w, 1000, 1010, 1030, 1050, 1070, 1090, 1100, 1110, 1111); got != 7 {
		t.Errorf("late at look %d", got)
	}
	if got := w.Waited(); got != 111 {
		t.Errorf("waited %d", got)
	}
}

func TestOwnPauseDoesNotCount(t *testing.T) {
	for name, times := range map[string][]int64{
		"at once":           {100_000, 100_001, 100_010},
		"with most of it":   {20, 40, 60, 80, 95, 100_000},
		"again and again":   {50_000, 100_000, 150_000, 200_000},
		"shorter than that": {20, 40, 60, 80, 95, 119},
	} {
		w := NewWatch(timeout)
		if got := looks(&w, 0, times...); got >= 0 {
			t.Errorf("%s: late at look %d", name, got)
		}
	}
}

// Pauses without end do not keep a dead peer alive.
func TestPausesAreCountedInPart(t *testing.T) {
	w := NewWatch(timeout)
	if got := looks(&w, 0, 1000, 2000, 3000, 4000, 5000, 6000); got != 5 {
		t.Errorf("late at look %d", got)
	}
}

func TestProgressBeginsAnew(t *testing.T) {
	w := NewWatch(timeout)
	for now := int64(10); now < 10_000; now += 10 {
		if w.Late(now, now/90*90) {
			t.Fatalf("late at %d", now)
		}
	}
	// Late once, then something came.
	w = NewWatch(timeout)
	if looks(&w, 0, 25, 50, 75, 100, 101) >= 0 || looks(&w, 101, 102, 110) >= 0 {
		t.Error("late in spite of progress")
	}
}

// Nobody looks while nothing is outstanding.
func TestIdleTimeDoesNotCount(t *testing.T) {
	w := NewWatch(timeout)
	if looks(&w, 0, 10) >= 0 || looks(&w, 90_000, 90_020, 90_040, 90_060, 90_080, 90_100) >= 0 {
		t.Error("late for time without operations")
	}
}
