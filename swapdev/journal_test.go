package swapdev

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/ublk"
)

// TestLogAndEventsAgree has a device go through trouble: what it logged is what its
// events say, one for one.
func TestLogAndEventsAgree(t *testing.T) {
	var log logged
	r := newRig(t, rigOptions{donors: 2, queues: 2, prepare: func(c *Config) { c.Log = log.logger() }})
	r.heat(0, 1, 2, 3)
	lost, first := r.engine.donors.Get(0), r.donors[0]
	first.kill()
	r.until("the loss is told", func() bool { return r.kinds()[status.EventDonorLost] > 0 })
	r.heat(0, 1, 2, 3)
	r.engine.shared.Notes.Corrupt(0, slabmap.Remote, lost.ID())
	r.until("the corrupt page is told", func() bool { return r.kinds()[status.EventCorrupt] > 0 })
	first.start()
	r.until("the donor is back", func() bool { return r.kinds()[status.EventDonorUp] == 3 })

	var events []status.Event
	var lines []string
	r.until("there are as many lines as events", func() bool { // slabs are being mapped, perhaps
		events, lines = r.engine.journal.Last(), log.lines("")
		return len(events) == len(lines)
	})
	for i, e := range events {
		if e.Seq != uint64(i+1) || e.At.IsZero() || i > 0 && e.At.Before(events[i-1].At) {
			t.Errorf("event %d: %+v", i, e)
		}
		if (e.Kind == status.EventDonorLost || e.Kind == status.EventCorrupt) && (e.Donor != first.cfg.Name || e.Level != status.LevelWarn) {
			t.Errorf("%+v, of donor %s", e, first.cfg.Name)
		}
	}
	if k := r.kinds(); k[status.EventSlabMapped] < 4 {
		t.Errorf("kinds %v", k)
	}
	for i, line := range lines { // two goroutines may tell at the same time: count both ways
		var l struct{ Level, Message string }
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatal(err)
		}
		lines[i] = l.Level + " " + l.Message
	}
	for _, e := range events {
		found := false
		for i, line := range lines {
			level, message, _ := strings.Cut(line, " ")
			if level == e.Level && strings.HasPrefix(e.Text, message) {
				lines[i], found = "taken", true
				break
			}
		}
		if !found {
			t.Errorf("event %+v is not in the log", e)
		}
	}
}

// kinds counts the events of a rig by their kind.
func (r *rig) kinds() map[string]int {
	n := map[string]int{}
	for _, e := range r.engine.report().Events {
		n[e.Kind]++
	}
	return n
}

// TestBackingFailuresAreTold has a disk that refuses all writes: not each is told.
func TestBackingFailuresAreTold(t *testing.T) {
	r := newRig(t, rigOptions{donors: 1, frozen: true})
	r.until("the slab is mapped", func() bool { return r.queue(0).do(ublk.OpWrite, 0, content(0, 1, 1), testPage) == testPage })
	for i := range int64(100) {
		r.write(0, i, 1, 1)
	}
	r.until("it is told", func() bool { return r.kinds()[status.EventBackingFailed] > 0 })
	if d, k := r.engine.report(), r.kinds(); d.BackingOK || k[status.EventBackingFailed] > 25 {
		t.Errorf("backing ok %v, %v", d.BackingOK, k)
	}
	e := r.engine.report().Events
	i := len(e) - 1
	for e[i].Kind != status.EventBackingFailed {
		i--
	}
	if !strings.HasPrefix(e[i].Text, "the backing file failed: bad file descriptor (write true") {
		t.Errorf("%q", e[i].Text)
	}
}
