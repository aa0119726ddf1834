package path

import (
	"errors"
	"testing"
	"time"

	"github.com/farswap/farswap/internal/loghist"
	"github.com/farswap/farswap/verbs"
)

const ms = int64(time.Millisecond)

func testPace() pace {
	return newPace(&Config{Late: 4 * time.Millisecond, OpTimeout: 2 * time.Second}, 16)
}

func TestLatenessIsTheDonorsOwn(t *testing.T) {
	for _, tt := range []struct {
		name  string
		reads int
		took  int64
		age   int64 // the greatest that is not late
	}{
		{"not known yet", leastReads - 1, ms / 10, lateMost},
		{"fast", leastReads, ms / 10, 4 * ms},
		{"slow", leastReads, 20 * ms, 40 * ms},
		{"very slow", leastReads, 500 * ms, lateMost},
	} {
		p := testPace()
		var reads loghist.Histogram
		for range tt.reads {
			reads.Record(tt.took)
		}
		if err := p.judge(ms, ms, &reads); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		slack := tt.age / 8 // of the histogram
		if p.late(tt.age-slack, 1) || !p.late(tt.age+slack, 1) {
			t.Errorf("%s: late after %v", tt.name, time.Duration(p.lateAfter))
		}
		if p.late(tt.age/2-slack, 8) || !p.late(tt.age/2+slack, 8) {
			t.Errorf("%s: with half of the tags, not late after half of the time", tt.name)
		}
	}
}

// TestDonorThatDoesHardlyAnything has completions far apart, so that no operation times out
// by itself.
func TestDonorThatDoesHardlyAnything(t *testing.T) {
	step := int64(tickInterval)
	for _, tt := range []struct {
		name  string
		every int64 // between completions
		age   int64 // of the oldest part; it is always as old as that
		pause int64 // of this process, once a second
		dead  bool
	}{
		{"one in 1.9s, and a long line", 1900 * ms, 3000 * ms, 0, true},
		{"one in 1.9s, nobody behind it", 1900 * ms, 1900 * ms, 0, false},
		{"slow, and a long line", 100 * ms, 3000 * ms, 0, false},
		{"one in 1.9s, on a busy machine", 1900 * ms, 3000 * ms, 500 * ms, true},
		{"nothing, on a machine that hardly runs", 10_000 * ms, 3000 * ms, 3000 * ms, false},
	} {
		p := testPace()
		var reads loghist.Histogram
		var err error
		for now, next := int64(0), tt.every; now < 10_000*ms && err == nil; now += step {
			if now%(1000*ms) == 0 {
				now += tt.pause
			}
			if now >= next {
				p.complete()
				next += tt.every
			}
			err = p.judge(now, now-tt.age, &reads)
		}
		if errors.Is(err, verbs.ErrTimeout) != tt.dead {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// TestOwnPauseIsNoDonors: while this process is stopped, nothing completes.
func TestOwnPauseIsNoDonors(t *testing.T) {
	p := testPace()
	var reads loghist.Histogram
	if err := p.judge(0, 0, &reads); err != nil {
		t.Error(err)
	}
	if err := p.judge(10_000*ms, 0, &reads); err != nil {
		t.Error(err)
	}
}

// TestHoldingOthersUp: what completes, and what this process slept through, does not count.
func TestHoldingOthersUp(t *testing.T) {
	step, limit := int64(tickInterval), testPace().timeout/heldShare
	for _, tt := range []struct {
		name  string
		held  bool
		every int64 // between completions
		pause int64
		dead  bool
	}{
		{"nothing done", true, 100 * limit, 0, true},
		{"nothing done, and nobody held up", false, 100 * limit, 0, false},
		{"a part now and then", true, limit / 2, 0, false},
		{"this process was stopped", true, 100 * limit, 2*limit - step, false},
	} {
		p := testPace()
		p.since, p.looked = 100*limit, 100*limit
		var reads loghist.Histogram
		var err error
		for now, next := 100*limit+tt.pause, 100*limit+tt.every; now < 102*limit && err == nil; now += step {
			if now >= next {
				p.complete()
				next += tt.every
			}
			if tt.held {
				p.holdsUp()
			}
			err = p.judge(now, 100*limit, &reads)
		}
		if errors.Is(err, verbs.ErrTimeout) != tt.dead {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}
