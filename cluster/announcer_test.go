package cluster

import (
	"errors"
	"math"
	"testing"
	"time"
)

func TestAnnouncerKeepsItsRate(t *testing.T) {
	now := time.Unix(0, 0)
	a := newAnnouncer(timing{}.withDefaults())
	want := func(what string, wait time.Duration, ok bool) {
		t.Helper()
		if gotWait, gotOK := a.due(now); gotWait != wait || gotOK != ok {
			t.Errorf("%s: due in %v, %v; want %v, %v", what, gotWait, gotOK, wait, ok)
		}
	}
	set := func(free int64) { a.set(&Announcement{Name: "a", Address: "h:1", Free: free, Total: 1600}) }
	renew := func(highest uint64) {
		t.Helper()
		if err := a.renew(now, highest); err != nil {
			t.Fatal(err)
		}
	}
	want("observer", 0, false)
	set(1600)
	want("first", 0, true)
	renew(4)
	want("nothing new", 10*time.Second, true)
	set(1590)
	want("little changed", 10*time.Second, true)
	set(100)
	want("much changed", time.Second, true)
	now = now.Add(400 * time.Millisecond)
	want("much changed", 600*time.Millisecond, true)
	now = now.Add(2 * time.Second)
	want("late", 0, true)
	renew(99)
	if l := a.local(); l.claim != 5 || l.seq != 2 || l.Free != 100 || l.up != 2*time.Second {
		t.Errorf("announced %+v", *l)
	}
	a.set(nil)
	want("withdrawn", time.Second, true)
	now = now.Add(time.Second)
	renew(99)
	if a.local() != nil || len(a.encoded()) != 0 {
		t.Error("withdrawn, and still announced")
	}
	want("observer again", 0, false)
	set(1)
	want("back", time.Second, true)
	renew(99)
	if l := a.local(); l.claim != 100 || l.seq != 1 || l.up != 0 {
		t.Errorf("announced %+v", *l)
	}
	a.set(&Announcement{Name: "b", Address: "h:1", Free: 1, Total: 1600})
	renew(math.MaxUint64)
	if l := a.local(); l.claim != math.MaxUint64 || l.seq != 2 {
		t.Errorf("announced %+v", *l)
	}
}

func TestSetLocalRefuses(t *testing.T) {
	g := start(t, nil)
	for _, a := range []Announcement{
		{Name: "a b", Address: ":1", Total: 1},
		{Name: "a", Address: "1", Total: 1},
		{Name: "a", Address: ":0", Total: 1},
		{Name: "a", Address: ":1"},
		{Name: "a", Address: ":1", Free: 2, Total: 1},
		{Name: "a", Address: ":1", Free: -1, Total: 1},
	} {
		if err := g.SetLocal(a); !errors.Is(err, ErrAnnouncement) {
			t.Errorf("%+v: %v", a, err)
		}
	}
}
