package feed

import (
	"context"
	"math"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/farswap/farswap/dash/dashtest"
	"github.com/farswap/farswap/status"
)

func world(t *testing.T) (*dashtest.World, *dashtest.Servers, *Feed) {
	t.Helper()
	root := t.TempDir()
	w := dashtest.New(1, time.Now())
	s, err := dashtest.Serve(root, w)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return w, s, New(Config{Root: root})
}

func device(t *testing.T, f *Feed, want State) Device {
	t.Helper()
	d, ok := f.Device(dashtest.DeviceID)
	if !ok || d.State != want {
		t.Fatalf("device is %v, %q, known %v; want %v", d.State, d.Error, ok, want)
	}
	return d
}

// TestFeedShowsWhatServersSay: the feed has the newest status, and the difference of two answers.
func TestFeedShowsWhatServersSay(t *testing.T) {
	w, _, f := world(t)
	f.Poll(t.Context())
	before := device(t, f, Live)
	if before.Seq != 0 || len(before.Status.Slabs) != 256 {
		t.Errorf("after one answer: seq %d, %d slabs", before.Seq, len(before.Status.Slabs))
	}
	w.Step(time.Second)
	f.Poll(t.Context())
	after := device(t, f, Live)
	points := f.Points(dashtest.DeviceID, 0, MaxPoints)
	if after.Seq != 1 || len(points) != 1 {
		t.Fatalf("after two answers: seq %d, %d points", after.Seq, len(points))
	}
	p := points[0]
	if got, want := p.Rates.Reads*p.Over.Seconds(), float64(after.Status.IO.Reads-before.Status.IO.Reads); math.Abs(got-want) > 0.01 || want == 0 {
		t.Errorf("%v reads, want %v", got, want)
	}
	for i, h := range after.Status.Histograms {
		since := h.Latency.Since(&before.Status.Histograms[i].Latency)
		s, ok := p.Span(h.Source)
		if !ok || s.Count != since.Count() || s.Sum != since.Sum || s.Latency.P99 != since.Quantile(0.99) {
			t.Errorf("%s: %+v, want %d, p99 %d", h.Source, s, since.Count(), since.Quantile(0.99))
		}
	}
	if s, _ := p.Span(status.SourceRead); s.Count == 0 {
		t.Errorf("nothing was read: %+v", s)
	}
	donors := f.Donors()
	if len(donors) != len(dashtest.Names) || donors[1].Name != "mem2" || donors[1].State != Live {
		t.Fatalf("donors: %+v", donors)
	}
	if p := f.DonorPoints("mem1", 0, 10); len(p) != 1 || p[0].Rates.Reads <= 0 || p[0].Memory.Total == 0 {
		t.Errorf("donor's points: %+v", p)
	}
	events := f.Events(dashtest.DeviceID, 0, 100)
	if !reflect.DeepEqual(events.Entries, after.Status.Events) || events.Last != uint64(len(events.Entries)) || len(events.Entries) == 0 {
		t.Errorf("events: %+v, want %+v", events, after.Status.Events)
	}
	if again := f.Events(dashtest.DeviceID, events.Last, 100); len(again.Entries) != 0 {
		t.Errorf("events after the last: %+v", again.Entries)
	}
	if d := f.Decisions(dashtest.DeviceID, 0, 100); len(d.Entries) != len(after.Status.Decisions) {
		t.Errorf("decisions: %+v", d)
	}
}

// TestFeedServersComeAndGo: restart, death, a stop, and a new server.
func TestFeedServersComeAndGo(t *testing.T) {
	w, s, f := world(t)
	step := func() { w.Step(time.Second); f.Poll(t.Context()) }
	step()
	step()
	w.Restart()
	step()
	d := device(t, f, Live)
	points := f.Points(dashtest.DeviceID, 0, MaxPoints)
	last := points[len(points)-1]
	read, _ := last.Span(status.SourceRead)
	if !last.Restarted || d.Restarts != 1 || read.Count != d.Status.IO.Reads {
		t.Errorf("after a restart: %+v, %d restarts, %d reads of %d", last, d.Restarts, read.Count, d.Status.IO.Reads)
	}
	if err := s.KillDevice(); err != nil {
		t.Fatal(err)
	}
	step()
	if d := device(t, f, Dead); d.Error == "" || len(d.Status.Slabs) == 0 {
		t.Errorf("dead: %+v", d.Presence)
	}
	if err := s.StartDevice(); err != nil {
		t.Fatal(err)
	}
	step()
	device(t, f, Live)
	if err := s.StopDevice(); err != nil {
		t.Fatal(err)
	}
	n := device(t, f, Live).Seq
	step()
	if d := device(t, f, Gone); d.Seq != n {
		t.Errorf("a device that ended gets points: %+v", d.Presence)
	}
	if p := f.Points(12345, 0, 10); p != nil {
		t.Errorf("points of nobody: %v", p)
	}
}

// TestFeedMuteServer: a server that hangs does not hold up the others for longer than its
// deadline, and its points say that it hangs.
func TestFeedMuteServer(t *testing.T) {
	w, _, f := world(t)
	lock, err := status.Acquire(status.StateDir(f.root, 3))
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Remove()
	l, err := net.Listen("unix", status.Socket(lock.Dir())) // never accepts
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for range 2 {
		w.Step(time.Second)
		f.Poll(t.Context())
	}
	if d, ok := f.Device(3); !ok || d.State != Silent || d.Error == "" || d.Seq != 0 {
		t.Errorf("mute: %+v", d.Presence)
	}
	if d := device(t, f, Live); d.Seq != 1 {
		t.Errorf("the other has %d points", d.Seq)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	f.Poll(ctx)
	if d := device(t, f, Live); d.Seq != 1 {
		t.Errorf("a poll that was given up left a trace: %+v", d.Presence)
	}
}

func TestFeedWithoutServers(t *testing.T) {
	root := filepath.Join(t.TempDir(), "none")
	f := New(Config{Root: root})
	f.Poll(t.Context())
	if len(f.Devices()) != 0 || len(f.Donors()) != 0 || f.Err() != nil {
		t.Errorf("got %v, %v, %v", f.Devices(), f.Donors(), f.Err())
	}
	if err := os.WriteFile(root, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f.Poll(t.Context())
	if err := f.Err(); err == nil || !strings.Contains(err.Error(), root) {
		t.Errorf("root is a file: %v", err)
	}
}

// TestFeedConcurrently: readers and subscribers while Run polls; for the race detector.
func TestFeedConcurrently(t *testing.T) {
	w, _, f := world(t)
	f.SetInterval(MinInterval)
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() { f.Run(ctx) })
	all.Go(func() { w.Live(ctx, 5) })
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			changed, stop := f.Subscribe()
			defer stop()
			after := uint64(0)
			for after < 3 {
				select {
				case <-changed:
				case <-time.After(time.Minute):
					t.Error("no poll for a minute")
					return
				}
				for _, p := range f.Points(dashtest.DeviceID, after, MaxPoints) {
					if p.Seq != after+1 {
						t.Errorf("point %d after %d", p.Seq, after)
					}
					after = p.Seq
				}
				f.Devices()
				f.Donors()
				f.SetInterval(MinInterval + time.Millisecond)
			}
		})
	}
	readers.Wait()
	cancel()
	all.Wait()
	if f.Polls() < 3 || len(f.watchers) != 0 {
		t.Errorf("%d polls, %d watchers", f.Polls(), len(f.watchers))
	}
}

// TestFeedForgets: the feed forgets what ended longest ago first, and keeps what runs.
func TestFeedForgets(t *testing.T) {
	f := New(Config{Root: t.TempDir()})
	at := time.Unix(1e9, 0)
	for i := range MaxServers + 10 {
		f.devices[i] = newTrack(at)
		if i%2 == 0 {
			f.devices[i].become(Gone, "", at.Add(time.Duration(i)*time.Second))
		}
	}
	f.forget(at.Add(time.Minute))
	for i := range MaxServers + 10 {
		if _, there := f.devices[i]; there != (i%2 == 1 || i >= 20) {
			t.Errorf("device %d: there %v", i, there)
		}
	}
	f.forget(at.Add(2 * time.Hour))
	if len(f.devices) != (MaxServers+10)/2 {
		t.Errorf("%d devices are left", len(f.devices))
	}
}
