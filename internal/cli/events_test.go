package cli

import (
	"bufio"
	"encoding/json"
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

// followWait is as long as two pauses between two questions of `events --follow`.
const followWait = time.Second

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
	timer := start(t, cmd)
	defer timer.Stop()
	lines := bufio.NewScanner(out)
	for lines.Scan() && !strings.Contains(lines.Text(), "took 2ms") {
	}
	time.Sleep(followWait) // it has asked again
	_ = cmd.Process.Signal(unix.SIGINT)
	if lines.Scan() {
		t.Errorf("said twice: %q", lines.Text())
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}
