package device

import (
	"strings"
	"testing"
	"time"

	"github.com/farswap/farswap/internal/swapoff"
)

// TestOffProgress: a terminal has one line that is refreshed, anything else a line now and then.
func TestOffProgress(t *testing.T) {
	for _, terminal := range []bool{true, false} {
		var out strings.Builder
		now := time.Unix(1000, 0)
		p := &offProgress{out: &out, terminal: terminal, path: "/dev/ublkb7", now: func() time.Time { return now }}
		for left := int64(40); left > 0; left-- { // half a second each
			p.show(swapoff.Progress{Left: left << 20, Rate: 2 << 20, Remains: time.Duration(left/2) * time.Second})
			now = now.Add(500 * time.Millisecond)
		}
		p.end()
		refreshed, lines := strings.Count(out.String(), "\r\x1b[K"), strings.Count(out.String(), "\n")
		if terminal && (refreshed != 41 || lines != 0) || !terminal && (refreshed != 0 || lines != 1) {
			t.Errorf("terminal %v: %d times refreshed, %d lines: %q", terminal, refreshed, lines, out.String())
		}
		if want := "swap on /dev/ublkb7: 20M (5120 pages) left, 2M/s, 10s to go"; !strings.Contains(out.String(), want) {
			t.Errorf("terminal %v: %q lacks %q", terminal, out.String(), want)
		}
	}
}
