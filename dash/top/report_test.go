package top

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/farswap/farswap/dash/dashtest"
	"github.com/farswap/farswap/dash/feed"
	"github.com/farswap/farswap/status"
)

// TestReports: each has what is new since the one before, and the figures of the status.
func TestReports(t *testing.T) {
	r := newRig(t)
	r.run(t, 2)
	reports := newReporter(r.feed, -1)
	r.run(t, 1)
	before := r.world.Device().IO.Reads
	first := reports.report(start)
	r.run(t, 65) // mem2 gets slow
	second := reports.report(start)
	d := r.world.Device()
	if len(first.Devices) != 1 || len(first.Donors) != 3 || len(first.Devices[0].Latency) != len(d.Histograms) || first.Devices[0].IO.Reads != before {
		t.Fatalf("first report: %+v", first)
	}
	got := second.Devices[0]
	last := r.feed.Points(dashtest.DeviceID, 0, 1)[0]
	if got.State != feed.Live || got.IO != d.IO || got.Pages != d.Pages || got.Rates != last.Rates || got.Over != last.Over || len(got.Donors) != 3 {
		t.Errorf("second report: %+v", got)
	}
	if n := len(first.Devices[0].Events) + len(got.Events); n == 0 || got.Events[len(got.Events)-1] != d.Events[len(d.Events)-1] {
		t.Errorf("%d events, the last %+v", n, got.Events)
	}
	if third := reports.report(start).Devices[0]; len(third.Events) != 0 || len(third.Decisions) != 0 || third.Over != 0 {
		t.Errorf("without a poll in between: %+v", third)
	}
	if second.Donors[1].Rates.Reads <= 0 || second.Donors[1].Memory.Total == 0 {
		t.Errorf("donor: %+v", second.Donors[1])
	}
	if err := r.servers.KillDevice(); err != nil {
		t.Fatal(err)
	}
	r.run(t, 1)
	if dead := reports.report(start).Devices[0]; dead.State != feed.Dead || dead.Error == "" || dead.Over != 0 || dead.Latency == nil {
		t.Errorf("dead: %+v", dead)
	}
}

// output is what Run writes for a configuration.
func output(t *testing.T, c Config) (string, error) {
	t.Helper()
	var out bytes.Buffer
	c.Out, c.Interval, c.Once = &out, feed.MinInterval, true
	err := Run(t.Context(), c)
	return out.String(), err
}

func TestRunOnce(t *testing.T) {
	r := newRig(t)
	r.world.Step(time.Second)
	done := make(chan struct{})
	go func() { // so that there is something between the two polls
		defer close(done)
		for range 10 {
			time.Sleep(feed.MinInterval / 10)
			r.world.Step(feed.MinInterval / 10)
		}
	}()
	got, err := output(t, Config{Root: r.root, ID: -1, Environ: []string{"LANG=C.UTF-8"}})
	<-done
	if err != nil || strings.Contains(got, "\x1b") || strings.Contains(got, "q quit") {
		t.Errorf("frame: %v\n%s", err, got)
	}
	requireMatch(t, got, `(?m)^farswap /dev/ublkb7  live .*\n     REQUESTS/S`)
	requireMatch(t, got, `(?m)^in +[0-9.]+k? `)
	requireMatch(t, got, `LATENCY OF fault  since start`)
	text, err := output(t, Config{Root: r.root, ID: 7, JSON: true})
	var report Report
	if err != nil || strings.Count(text, "\n") != 1 || json.Unmarshal([]byte(text), &report) != nil || report.Devices[0].ID != 7 || report.Devices[0].Over <= 0 {
		t.Errorf("report: %v\n%s", err, text)
	}
	small, err := output(t, Config{Root: r.root, ID: 7, Environ: []string{"COLUMNS=40", "LINES=10"}})
	if err != nil || strings.Count(small, "\n") > 10 {
		t.Errorf("small: %v\n%s", err, small)
	}
	for line := range strings.SplitSeq(small, "\n") {
		if len(line) > 40 {
			t.Errorf("wider than 40, or not ASCII: %q", line)
		}
	}
}

// TestRunGoesOn: without --once frames and reports come until the context ends.
func TestRunGoesOn(t *testing.T) {
	r := newRig(t)
	for _, asJSON := range []bool{false, true} {
		out := &counter{}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() {
			done <- Run(ctx, Config{Root: r.root, ID: -1, Interval: feed.MinInterval, JSON: asJSON, Out: out})
		}()
		deadline := time.Now().Add(time.Minute)
		seen := ""
		for strings.Count(seen, "/dev/ublkb7") < 3 && time.Now().Before(deadline) {
			time.Sleep(feed.MinInterval)
			r.world.Step(feed.MinInterval)
			_, text := out.take()
			seen += text
		}
		cancel()
		if err := <-done; err != nil || strings.Count(seen, "/dev/ublkb7") < 3 {
			t.Errorf("json %v: %v, saw\n%s", asJSON, err, seen)
		}
	}
}

func TestRunWithoutDevice(t *testing.T) {
	r := newRig(t)
	if err := r.servers.KillDevice(); err != nil {
		t.Fatal(err)
	}
	dead := r.root
	lends, empty := newRig(t), t.TempDir()
	if err := lends.servers.StopDevice(); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		root string
		id   int
		want string
	}{
		"none":        {empty, -1, "farswap ublk add"},
		"no folder":   {filepath.Join(empty, "none"), -1, "farswap ublk add"},
		"other":       {dead, 3, "device 3 is not farswap's: see `farswap ublk list`"},
		"dead":        {dead, -1, "device 7 died; `farswap ublk list`"},
		"dead, named": {dead, 7, "device 7 died; `farswap ublk list`"},
		"only donors": {lends.root, -1, "farswap donor status"},
	} {
		got, err := output(t, Config{Root: tc.root, ID: tc.id})
		if !errors.Is(err, ErrNoDevice) || !strings.Contains(err.Error(), tc.want) || got != "" {
			t.Errorf("%s: %v, wrote %q", name, err, got)
		}
	}
	file := filepath.Join(empty, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := output(t, Config{Root: file, ID: -1}); err == nil || errors.Is(err, ErrNoDevice) {
		t.Errorf("root is a file: %v", err)
	}
}

// TestSources: with nothing chosen the heatmap shows what an application feels, if it is
// measured.
func TestSources(t *testing.T) {
	s := &snapshot{}
	if got := s.sourceOr(""); got != status.SourceRead {
		t.Errorf("of nothing: %q", got)
	}
	var h status.Histogram
	h.Latency.Record(5000)
	for _, source := range []string{status.SourceBackingRead, status.SourceWrite, status.SourceRead, status.SourceFault} {
		h.Source = source
		s.device.Status.Histograms = append(s.device.Status.Histograms, h)
		want := source
		if source == status.SourceBackingRead {
			want = status.SourceRead
		}
		if got := s.sourceOr("gone"); got != want {
			t.Errorf("with %q: %q", source, got)
		}
	}
	if got := s.sourceOr(status.SourceBackingRead); got != status.SourceBackingRead {
		t.Errorf("chosen: %q", got)
	}
}

func TestLevel(t *testing.T) {
	for _, tc := range []struct {
		value, most float64
		want        int
	}{{0, 10, -1}, {-1, 10, -1}, {1, 1e12, 0}, {10, 10, levels - 1}, {11, 10, levels - 1}, {1, 8, 4}} {
		if got := level(tc.value, tc.most); got != tc.want {
			t.Errorf("%v of %v: %d, want %d", tc.value, tc.most, got, tc.want)
		}
	}
}
