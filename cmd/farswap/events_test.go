package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/status"
)

// eventsFrom makes events with the numbers from first to last.
func eventsFrom(first, last uint64) []status.Event {
	var events []status.Event
	for seq := first; seq <= last; seq++ {
		events = append(events, status.Event{
			Seq: seq, At: time.Date(2026, 1, 2, 3, 4, 5, 0, time.Local), Level: status.LevelInfo, Kind: status.EventSlabMapped,
			Slab: int(seq), Donor: "mem1", Text: fmt.Sprintf("slab is mapped (took %dms)", seq),
		})
	}
	return events
}

func TestEvents(t *testing.T) {
	root := t.TempDir()
	d := testDevice()
	fakeServer(t, root, d, "")
	if got := execute(t, root, "ublk", "events", "--state-root", root); got.code != 0 || got.stdout != "no events\n" {
		t.Errorf("of none: got %+v", got)
	}
	if got := execute(t, root, "ublk", "events", "--json", "--state-root", root); got.code != 0 || strings.TrimSpace(got.stdout) != "[]" {
		t.Errorf("of none: got %+v", got)
	}
	root = t.TempDir()
	d.Events = append(eventsFrom(7, 8), status.Event{
		Seq: 9, At: d.Started, Level: status.LevelWarn, Kind: status.EventBackingFailed, Slab: status.NoSlab, Text: "the backing file failed",
	})
	fakeServer(t, root, d, "")
	got := execute(t, root, "ublk", "events", fmt.Sprint(unusedID), "--state-root", root)
	requireLines(t, got.stdout, []string{
		"TIME LEVEL EVENT ABOUT TEXT",
		"2026-01-02 03:04:05 info slab-mapped slab 7 at mem1 slab is mapped (took 7ms)",
		"2026-01-02 03:04:05 info slab-mapped slab 8 at mem1 slab is mapped (took 8ms)",
		d.Started.Format(time.DateTime) + " warn backing-failed - the backing file failed",
	})
	got = execute(t, root, "ublk", "events", "--json", "--state-root", root)
	var events []status.Event
	if err := json.Unmarshal([]byte(got.stdout), &events); err != nil || len(events) != 3 || events[2].Seq != 9 {
		t.Errorf("got %+v, %v", got, err)
	}
	bad("nobody", 1, "ublk events 7002 --state-root "+root, "/dev/ublkb7002|no server answers").run(t, root)
	bad("two devices", 2, "ublk events 1 2 --state-root "+root, `"2"`).run(t, root)
}

// TestFollow has a server tell more and more.
func TestFollow(t *testing.T) {
	begun := time.Unix(1e9, 0)
	answers := []struct {
		d   status.Device
		err error
	}{
		{d: status.Device{Started: begun, Events: eventsFrom(5, 6)}},
		{d: status.Device{Started: begun, Events: eventsFrom(5, 6)}},
		{d: status.Device{Started: begun, Events: eventsFrom(6, 7)}},
		{err: status.ErrNoAnswer},
		{d: status.Device{Started: begun, Events: eventsFrom(10, 11)}},
		{d: status.Device{Started: begun.Add(1), Events: eventsFrom(1, 1)}},
		{err: fmt.Errorf("gone: %w", status.ErrNoServer)},
	}
	var out, problems bytes.Buffer
	f := &follower{out: &out, problems: &problems, asJSON: true}
	next := 0
	err := f.run(t.Context(), answers[0].d, func() (status.Device, error) {
		next++
		return answers[next].d, answers[next].err
	})
	if err != nil || next != len(answers)-1 {
		t.Errorf("%v after %d answers", err, next)
	}
	var seqs []uint64
	for line := range strings.Lines(out.String()) {
		var e status.Event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		seqs = append(seqs, e.Seq)
	}
	if got, want := fmt.Sprint(seqs), "[5 6 7 10 11 1]"; got != want {
		t.Errorf("printed %s, want %s", got, want)
	}
	for i, want := range []string{"in time", "2 events were missed, 8 to 9", "another server"} {
		lines := strings.Split(problems.String(), "\n")
		if i >= len(lines) || !strings.Contains(lines[i], want) {
			t.Errorf("problems %q lack %q", lines, want)
		}
	}
	broken := errors.New("broken")
	if err := f.run(t.Context(), status.Device{}, func() (status.Device, error) { return status.Device{}, broken }); !errors.Is(err, broken) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.run(ctx, status.Device{}, nil); err != nil {
		t.Error(err)
	}
}

// TestFollowEndsBySignal follows a device as a user does.
func TestFollowEndsBySignal(t *testing.T) {
	root := t.TempDir()
	d := testDevice()
	d.Events = eventsFrom(1, 2)
	fakeServer(t, root, d, "")
	cmd := farswap(root, "ublk", "events", "-f", "--state-root", root)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(commandTimeout, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	lines := bufio.NewScanner(out)
	for lines.Scan() && !strings.Contains(lines.Text(), "took 2ms") {
	}
	time.Sleep(2 * followPause) // it has asked again
	_ = cmd.Process.Signal(unix.SIGINT)
	if lines.Scan() {
		t.Errorf("said twice: %q", lines.Text())
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// TestStatusShowsWhereTimeGoes: latencies, the slowest, the last events.
func TestStatusShowsWhereTimeGoes(t *testing.T) {
	d := testDevice()
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
	var out bytes.Buffer
	if err := writeStatus(&out, d, time.Now()); err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(out.String()), " ")
	for _, want := range []string{
		"LATENCY COUNT P50 P99 P999 remote_read 100 20", "SLOWEST PAGE TOOK QUEUED REMOTE BACKING BLAME",
		"read 77 2ms - 1.9ms - donor mem1", "write 78 1ms 900µs - - server",
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
