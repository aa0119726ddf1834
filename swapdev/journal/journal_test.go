package journal

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/farswap/farswap/status"
)

// party is a donor by its words.
type party struct{ title, address string }

func (p party) Title() string   { return p.title }
func (p party) Address() string { return p.address }

func TestJournal(t *testing.T) {
	var log bytes.Buffer
	j := &Journal{Log: zerolog.New(&log)}
	if len(j.Last()) != 0 {
		t.Error("events before the first")
	}
	d := party{"mem1", "mem1:9400"}
	j.Warn(status.EventSlabKept, "a slab is not given back").At(3).Of("donor", d).Because(errors.New("no room")).
		With("tries", 2).With("took", 1500*time.Millisecond).Tell()
	j.Info(status.EventTransport, "all is well").Because(nil).Tell()
	got := j.Last()
	want := []status.Event{
		{Seq: 1, Level: status.LevelWarn, Kind: status.EventSlabKept, Slab: 3, Donor: "mem1", Text: "a slab is not given back: no room (tries 2, took 1.5s)"},
		{Seq: 2, Level: status.LevelInfo, Kind: status.EventTransport, Slab: status.NoSlab, Text: "all is well"},
	}
	for i := range got {
		if time.Since(got[i].At) > time.Minute {
			t.Errorf("at %v", got[i].At)
		}
		got[i].At = time.Time{}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	lines := strings.Split(log.String(), "\n")
	for i, want := range []string{
		`{"level":"warn","slab":3,"donor":"mem1:9400","tries":2,"took":"1.5s","error":"no room","message":"a slab is not given back"}`,
		`{"level":"info","message":"all is well"}`,
	} {
		if i >= len(lines) || strings.TrimSpace(lines[i]) != want {
			t.Errorf("log %q\nlacks %s", lines, want)
		}
	}
}

func TestJournalKeepsTheLast(t *testing.T) {
	j := &Journal{}
	for i := range status.MaxEvents + 10 {
		j.Info(status.EventSlabMapped, "slab is mapped").At(i).Tell()
	}
	events := j.Last()
	if len(events) != status.MaxEvents {
		t.Fatalf("%d events", len(events))
	}
	for i, e := range events {
		if e.Seq != uint64(i+11) || e.Slab != i+10 {
			t.Fatalf("event %d is %+v", i, e)
		}
	}
}
