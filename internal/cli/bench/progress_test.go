package bench

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/farswap/farswap/benchmarks/harness"
)

// TestBenchProgress: off a terminal there is one line for each run.
func TestBenchProgress(t *testing.T) {
	var out bytes.Buffer
	p := newBenchProgress(&out)
	p.show(harness.Progress{What: "gups in memory", Phase: "filling", Run: 1, Of: 9})
	p.show(harness.Progress{What: "gups in memory", Phase: "measuring", Run: 1, Of: 9, Elapsed: time.Second})
	p.show(harness.Progress{What: "gups on zram at 50%", Phase: "filling", Run: 2, Of: 9, Elapsed: 61 * time.Second, Ran: time.Second, Whole: 61 * time.Second, Later: 30 * time.Second, Known: true})
	p.hide()
	p.close()
	want := "run 1 of 9 · 0s elapsed, time left not known yet · gups in memory\nrun 2 of 9 · 1m1s elapsed, 1m30s left · gups on zram at 50%\n"
	if out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
	if late := benchLine(harness.Progress{Whole: time.Second, Later: 2 * time.Minute, Known: true}, time.Minute); !strings.Contains(late, "1m0s elapsed, more than 2m0s left") {
		t.Errorf("%q", late)
	}
}
