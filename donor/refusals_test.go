package donor

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

func TestRefusalsAreNewsOnce(t *testing.T) {
	var r refusals
	now := time.Unix(1, 0)
	expired := func(at int) error { return fmt.Errorf("it ended, and here it is 12:%d", at) }
	for i, c := range []struct {
		remote string
		why    error
		after  time.Duration
		news   bool
	}{
		{"10.0.0.1:1", expired(1), 0, true},
		{"10.0.0.1:2", expired(2), time.Second, false},
		{"10.0.0.2:2", expired(2), 0, true},
		{"10.0.0.1:3", errors.New("another reason"), 0, true},
		{"", expired(3), 0, true},
		{"10.0.0.1:4", expired(4), refusalPause, true},
		{"10.0.0.1:5", expired(5), refusalPause - 1, false},
	} {
		now = now.Add(c.after)
		if got := r.news(c.remote, c.why, now); got != c.news {
			t.Errorf("%d: %v, want %v", i, got, c.news)
		}
	}
	for i := range 10 * maxRefusals {
		r.news(fmt.Sprintf("10.0.%d.%d:1", i/256, i%256), expired(1), now)
		if len(r.last) > maxRefusals {
			t.Fatalf("%d are remembered", len(r.last))
		}
	}
}
