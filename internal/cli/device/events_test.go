package device

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

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
