package add

import (
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

// allocate tells of an allocation of 100 bytes a second, once every 50 ms.
func allocate(a *allocation, took time.Duration) {
	now := time.Unix(1, 0)
	a.now = func() time.Time { return now }
	total := int64(took/time.Second) * 100
	for done := int64(0); done <= total; done += 5 {
		a.progress(done, total)
		now = now.Add(50 * time.Millisecond)
	}
	a.end()
}

func TestLongAllocationsAreTold(t *testing.T) {
	for _, c := range []struct {
		name           string
		terminal       bool
		took           time.Duration
		screen, logged int // lines
	}{
		{"short, on a terminal", true, time.Second, 1, 0},
		{"long, on a terminal", true, 21 * time.Second, 101, 0},
		{"long, with a log", false, 21 * time.Second, 0, 3},
	} {
		var screen, log strings.Builder
		a := newAllocation(&screen, zerolog.New(&log))
		a.terminal = c.terminal
		allocate(a, c.took)
		if n := strings.Count(screen.String(), "allocating"); n != c.screen {
			t.Errorf("%s: %d times on the screen, want %d", c.name, n, c.screen)
		}
		if n := strings.Count(log.String(), "\n"); n != c.logged {
			t.Errorf("%s: %d lines in the log, want %d", c.name, n, c.logged)
		}
		if s := screen.String(); s != "" && !strings.HasSuffix(s, "\r\x1b[K") {
			t.Errorf("%s: the line stays: %q", c.name, s)
		}
	}
	var screen strings.Builder
	a := newAllocation(&screen, zerolog.Nop())
	a.terminal = true
	allocate(a, 4*time.Second)
	if !strings.Contains(screen.String(), "allocating the backing file: 200 of 400, 2s left") {
		t.Errorf("%q", screen.String())
	}
}
