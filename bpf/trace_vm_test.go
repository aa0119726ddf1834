//go:build vm

package bpf

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
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
	// Names of tasks would take probes on each wake-up as well, in code that all processors run
	// while it is changed: an emulated one has crashed there.
	tr.set("options/record-cmd", "0")
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

// stop ends it and gives the durations of the reads.
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
	return all
}
