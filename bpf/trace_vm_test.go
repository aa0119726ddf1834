//go:build vm

package bpf

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"farswap/internal/loghist"
)

// trace is what the kernel's own tracer (ftrace) notes of a device's reads: another
// witness of the same requests.
type trace struct{ t *testing.T }

const tracing = "/sys/kernel/tracing"

func (tr trace) set(file, value string) {
	tr.t.Helper()
	if err := os.WriteFile(filepath.Join(tracing, file), []byte(value), 0); err != nil {
		tr.t.Fatal(err)
	}
}

func startTrace(t *testing.T, c Config) trace {
	t.Helper()
	tr := trace{t}
	tr.set("trace_clock", "mono")
	tr.set("buffer_size_kb", "4096")
	tr.set("trace", "")
	for _, event := range []string{"block_rq_issue", "block_rq_complete"} {
		tr.set("events/block/"+event+"/filter", fmt.Sprintf("dev == %d", c.Major<<20|c.Minor))
		tr.set("events/block/"+event+"/enable", "1")
		t.Cleanup(func() {
			tr.set("events/block/"+event+"/enable", "0")
			tr.set("events/block/"+event+"/filter", "0")
		})
	}
	return tr
}

// traceLine has the time in seconds, the event, the operation and the sector.
var traceLine = regexp.MustCompile(`(\d+\.\d{6}): block_rq_(issue|complete): \d+,\d+ (\w+) (?:\d+ )?\(.*?\) (\d+) \+`)

// stop ends it and gives the durations of the reads, sorted.
func (tr trace) stop() []time.Duration {
	tr.t.Helper()
	for _, event := range []string{"block_rq_issue", "block_rq_complete"} {
		tr.set("events/block/"+event+"/enable", "0")
	}
	data, err := os.ReadFile(filepath.Join(tracing, "trace"))
	if err != nil {
		tr.t.Fatal(err)
	}
	issued := map[string]float64{}
	var all []time.Duration
	for line := range strings.Lines(string(data)) {
		m := traceLine.FindStringSubmatch(line)
		if m == nil || !strings.Contains(m[3], "R") {
			continue
		}
		at, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			tr.t.Fatal(err)
		}
		if m[2] == "issue" {
			issued[m[4]] = at
		} else if start, ok := issued[m[4]]; ok {
			all = append(all, time.Duration(math.Round((at-start)*1e6))*time.Microsecond)
			delete(issued, m[4])
		}
	}
	slices.Sort(all)
	return all
}

// same checks that all quantiles of a histogram are within a bucket of the exact ones.
func same(t *testing.T, h *loghist.Histogram, exact []time.Duration) {
	t.Helper()
	if uint64(len(exact)) != h.Count() {
		t.Errorf("%d durations counted, %d traced", h.Count(), len(exact))
	}
	if len(exact) == 0 {
		return
	}
	for percent := 1; percent <= 100; percent++ {
		got := time.Duration(h.Quantile(float64(percent) / 100))
		want := exact[(percent*len(exact)+99)/100-1]
		if d := loghist.Index(uint64(got)) - loghist.Index(uint64(want)); d < -1 || d > 1 {
			t.Errorf("p%d is %v, %d buckets from %v", percent, got, d, want)
		}
	}
}
