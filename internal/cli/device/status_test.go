package device

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/farswap/farswap/status"
)

// TestStatusShowsWhereTimeGoes: latencies, the slowest, the last events.
func TestStatusShowsWhereTimeGoes(t *testing.T) {
	d := status.Device{ID: 7, Path: "/dev/ublkb7", State: status.StateLive, Started: time.Now()}
	var fast, none status.Distribution
	for range 100 {
		fast.Record(20_000)
	}
	d.Histograms = []status.Histogram{{Source: status.SourceRemoteRead, Latency: fast}, {Source: status.SourceBackingRead, Latency: none}}
	d.Slowest = []status.SlowPage{
		{Op: "read", Page: 77, Total: 2_000_000, Remote: 1_900_000, Donor: "mem1", Blame: status.BlameDonor},
		{Op: "write", Page: 78, Total: 1_000_000, Queued: 900_000, Blame: status.BlameServer},
		{},
		{},
	}
	d.Events = eventsFrom(1, 9)
	d.IO.Prefetched, d.IO.PrefetchHits = 200, 150
	var out bytes.Buffer
	if err := writeStatus(&out, d, time.Now()); err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(out.String()), " ")
	for _, want := range []string{
		"LATENCY COUNT P50 P99 P999 remote_read 100 20", "SLOWEST PAGE TOOK QUEUED REMOTE BACKING BLAME",
		"read 77 2ms - 1.9ms - donor mem1", "write 78 1ms 900µs - - server",
		"zeros 0, 200 fetched ahead and 150 of them used (75%)",
		"TIME LEVEL EVENT ABOUT TEXT 2026-01-02 03:04:05 info slab-mapped slab 5 at mem1",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%s\nlacks %q", text, want)
		}
	}
	if strings.Contains(text, "backing_read") || strings.Contains(text, "slab 4 at") {
		t.Errorf("%s\nhas too much", text)
	}
}
