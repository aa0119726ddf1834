package feed

import (
	"math"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/farswap/farswap/dash/dashtest"
	"github.com/farswap/farswap/status"
)

// TestTrackAddsUp runs random histories of a device: whatever is missed and however often
// it restarts, the points together have what its servers counted since the first answer.
func TestTrackAddsUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := time.Unix(1e9, 0)
		tr := newTrack(at)
		now := status.Device{PID: 1, Started: at}
		var h status.Distribution
		var reads, durations uint64 // counted since the last answer that was heard
		wantReads, wantDurations := uint64(0), uint64(0)
		answered, restarts, restartPending := false, 0, false
		for range rapid.IntRange(1, 50).Draw(t, "steps") {
			at = at.Add(time.Duration(rapid.IntRange(1, 5000).Draw(t, "ms")) * time.Millisecond)
			switch rapid.SampledFrom([]string{"work", "work", "ask", "ask", "mute", "restart"}).Draw(t, "what") {
			case "work":
				n := rapid.Uint64Range(0, 100).Draw(t, "reads")
				now.IO.Reads += n
				reads += n
				for range n % 7 {
					h.Record(rapid.Int64Range(0, 1<<30).Draw(t, "ns"))
					durations++
				}
			case "ask":
				now.At = at
				now.Histograms = []status.Histogram{{Source: status.SourceRead, Latency: h}}
				tr.answer(now, at)
				if answered {
					wantReads += reads
					wantDurations += durations
					if restartPending {
						restarts++
					}
				}
				answered, reads, durations, restartPending = true, 0, 0, false
			case "mute":
				tr.miss(Silent, "mute", at)
			case "restart":
				now = status.Device{PID: now.PID + 1, Started: at}
				h = status.Distribution{}
				reads, durations, restartPending = 0, 0, true
			}
		}
		gotReads, gotDurations := 0.0, uint64(0)
		for i, p := range tr.points.after(0, MaxPoints) {
			if p.Seq != uint64(i+1) || p.Error == "" && p.Over <= 0 {
				t.Errorf("point %d is %+v", i+1, p)
			}
			gotReads += p.Rates.Reads * p.Over.Seconds()
			if s, ok := p.Span(status.SourceRead); ok {
				gotDurations += s.Count
			}
		}
		if math.Abs(gotReads-float64(wantReads)) > 0.01 || gotDurations != wantDurations || tr.Restarts != restarts {
			t.Errorf("points have %.2f reads, %d durations, %d restarts; want %d, %d, %d",
				gotReads, gotDurations, tr.Restarts, wantReads, wantDurations, restarts)
		}
	})
}

// TestTrackGoesByTheServersClock, unless that was set.
func TestTrackGoesByTheServersClock(t *testing.T) {
	at := time.Unix(1e9, 0)
	for name, tc := range map[string]struct{ server, mine, want time.Duration }{
		"late answer":   {time.Second, 1300 * time.Millisecond, time.Second},
		"set back":      {-time.Hour, time.Second, time.Second},
		"set ahead":     {time.Hour, time.Second, time.Second},
		"stands still":  {0, time.Second, time.Second},
		"after silence": {time.Minute, 62 * time.Second, time.Minute},
	} {
		if got := over(at.Add(tc.server), at, at.Add(tc.mine), at); got != tc.want {
			t.Errorf("%s: got %v, want %v", name, got, tc.want)
		}
	}
	if got := over(time.Time{}, time.Time{}, at.Add(time.Second), at); got != time.Second {
		t.Errorf("no clock: got %v", got)
	}
}

// bytesOf is what a point takes in memory, strings that are shared not counted.
func bytesOf(p *Point) int {
	n := int(reflect.TypeFor[Point]().Size())
	n += cap(p.Donors) * int(reflect.TypeFor[DonorPoint]().Size())
	n += cap(p.Spans) * int(reflect.TypeFor[Span]().Size())
	for _, s := range p.Spans {
		n += cap(s.Cells) * int(reflect.TypeFor[Cell]().Size())
	}
	return n
}

// TestHistoryIsBounded holds the package comment to its figures.
func TestHistoryIsBounded(t *testing.T) {
	at := time.Unix(1e9, 0)
	w := dashtest.New(1, at)
	tr := newTrack(at)
	const long = 600 // seconds; the rest of the hour would be the same again
	for range long {
		w.Step(time.Second)
		tr.answer(w.Device(), w.Now())
	}
	points := tr.points.after(0, math.MaxInt)
	sum := 0
	for i := range points {
		sum += bytesOf(&points[i])
	}
	if hour := sum / len(points) * MaxPoints; len(points) != long-1 || hour > 11<<20 {
		t.Errorf("an hour takes %d bytes, after %d points", hour, len(points))
	}
	t.Logf("%d bytes for a point", sum/len(points))
	if n := len(tr.events.items); n > MaxEvents || len(tr.decisions.items) > MaxEvents || n == 0 || tr.events.missed > 0 {
		t.Errorf("%d events, %d missed, %d decisions", n, tr.events.missed, len(tr.decisions.items))
	}

	for range MaxPoints + 200 {
		tr.miss(Silent, "mute", at)
	}
	if points := tr.points.after(0, math.MaxInt); len(points) != MaxPoints || points[0].Seq != long+200 {
		t.Errorf("%d points are kept, from %d", len(points), points[0].Seq)
	}

	hostile := status.Device{PID: 1}
	var full status.Distribution
	for i := range full.Counts {
		full.Counts[i] = math.MaxUint32 * 2
	}
	for i := range 500 {
		hostile.Histograms = append(hostile.Histograms, status.Histogram{Source: string(rune('a' + i)), Latency: full})
		hostile.Donors = append(hostile.Donors, status.Donor{})
	}
	tr = newTrack(at)
	tr.answer(status.Device{PID: 1}, at)
	tr.answer(hostile, at.Add(time.Second))
	if n := bytesOf(&tr.points.items[0]); n > 24<<10 {
		t.Errorf("a point takes %d bytes", n)
	}
}
