package flusher

import (
	"testing"
	"time"
)

// server is one whose requests come in batches of a size while its threads are plain.
type server struct {
	trial            trial
	requests, passes uint64
	now              time.Time
	plain            int // looks at which it was told to be
}

// serve takes a thousand requests a second for some time, in looks of a tenth of a second.
func (s *server) serve(d time.Duration, batch uint64) {
	s.plain = 0
	for range d / (100 * time.Millisecond) {
		s.now = s.now.Add(100 * time.Millisecond)
		if batch > 0 {
			s.requests += 100
			if s.trial.plain {
				s.passes += 100 / batch
			} else {
				s.passes += 100
			}
		}
		if s.trial.look(s.requests, s.passes, s.now) {
			s.plain++
		}
	}
}

// TestTrial: threads are plain while that makes batches, seldom where it does not, and never without requests.
func TestTrial(t *testing.T) {
	s := &server{now: time.Unix(1000, 0)}
	for _, step := range []struct {
		name        string
		batch       uint64
		least, most int // percent of ten seconds
	}{
		{"no requests", 0, 0, 0},
		{"batches", 4, 90, 100},
		{"single requests", 1, 1, 25},
		{"single requests, for longer", 1, 0, 10},
		{"batches again", 2, 0, 100},
		{"batches again, within the longest pause", 2, 0, 100},
		{"batches that stay", 2, 100, 100},
		{"no requests after batches", 0, 100, 100},
		{"batches after a pause", 4, 100, 100},
		{"no requests again", 0, 100, 100},
		{"single requests after a pause", 1, 1, 10},
	} {
		s.serve(10*time.Second, step.batch)
		if s.plain < step.least || s.plain > step.most {
			t.Errorf("%s: plain at %d of 100 looks, want %d to %d", step.name, s.plain, step.least, step.most)
		}
	}
}

// TestTrialOfASlowProgram: single requests that come slowly are told apart from none. Queues tell their counts some
// requests late.
func TestTrialOfASlowProgram(t *testing.T) {
	s := &server{now: time.Unix(1000, 0)}
	s.serve(2*time.Second, 4)
	var requests, plain uint64
	for range 100 {
		s.now = s.now.Add(100 * time.Millisecond)
		requests += 30
		told := requests / 64 * 64
		if s.trial.look(s.requests+told, s.passes+told, s.now) {
			plain++
		}
	}
	if !s.trial.plain && plain <= 20 {
		return
	}
	t.Errorf("plain at %d of 100 looks, and in the end: %v", plain, s.trial.plain)
}
