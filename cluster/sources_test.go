package cluster

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

func TestStatic(t *testing.T) {
	s, err := NewStatic("mem2:9400", "10.0.0.1:9400", "[fe80::1]:9400")
	if err != nil {
		t.Fatal(err)
	}
	if got := listed(s); got != "?@10.0.0.1:9400 ?@[fe80::1]:9400 ?@mem2:9400" {
		t.Error(got)
	}
	s.Donors()[0].Address = "changed"
	if s.Donors()[0].Address == "changed" {
		t.Error("the list can be changed")
	}
	_ = s.Close()
	_ = s.Close()
	if _, open := <-s.Changed(); open {
		t.Error("a signal")
	}
	for _, wrong := range [][]string{{"mem"}, {":9400"}, {"mem:0"}, {"mem:65536"}, {"mem:http"}, {"0.0.0.0:1"}, {"a b:1"}, {"m:1", "m:1"}, {".m:1"}, {"[::]:1"}} {
		if _, err := NewStatic(wrong...); !errors.Is(err, ErrConfig) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}

// fake is a source that a test changes.
type fake struct {
	*signal
	donors []Donor
	err    error
}

func (f *fake) Donors() []Donor          { return append([]Donor(nil), f.donors...) }
func (f *fake) Changed() <-chan struct{} { return f.c }
func (f *fake) Close() error             { f.signal.close(); return f.err }

func TestMergeByAddress(t *testing.T) {
	old, now := time.Unix(100, 0), time.Unix(200, 0)
	boom := errors.New("boom")
	a := &fake{signal: newSignal(), donors: []Donor{
		{Address: "h:1", Source: "static"},
		{Address: "h:2", Source: "static"},
		{Name: "x", Address: "h:3", Free: 1, Total: 9, Seen: now, Source: "a"},
	}}
	b := &fake{signal: newSignal(), err: boom, donors: []Donor{
		{Name: "one", Address: "h:1", Free: 5, Total: 9, Seen: old, Source: "b"},
		{Name: "y", Address: "h:3", Free: 2, Total: 9, Seen: old, Source: "b"},
		{Name: "z", Address: "h:4", Free: 3, Total: 9, Seen: old, Source: "b"},
	}}
	c := &fake{signal: newSignal(), donors: []Donor{{Address: "h:4", Free: 4, Total: 9, Seen: now, Source: "c"}}}
	m := Merge(a, b, c)
	var got []string
	for _, d := range m.Donors() {
		got = append(got, fmt.Sprintf("%s@%s %d %s", d.Name, d.Address, d.Free, d.Source))
	}
	if s := strings.Join(got, ", "); s != "@h:2 0 static, one@h:1 5 b, x@h:3 1 a, z@h:4 4 c" {
		t.Error(s)
	}
	for _, s := range []*fake{a, b, c} {
		s.fire()
		s.fire()
		select {
		case <-m.Changed():
		case <-time.After(patience):
			t.Fatal("no signal")
		}
	}
	if err := m.Close(); !errors.Is(err, boom) {
		t.Errorf("close: %v", err)
	}
	for range m.Changed() { // ends
	}
}

func TestOpenTakesWhatUsersWrite(t *testing.T) {
	s, err := Open(zerolog.Nop(), "h:1", "dns:localhost:9400", "h:2")
	if err != nil {
		t.Fatal(err)
	}
	if got := listed(s); !strings.HasSuffix(got, "?@h:1 ?@h:2") { // before them, what the name resolves to
		t.Error(got)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if s, err = Open(zerolog.Nop(), "h:1"); err != nil || listed(s) != "?@h:1" {
		t.Errorf("%v: %v", s, err)
	}
	_ = s.Close()
	for _, wrong := range []string{"dns:", "dns:name", "dns::1", "dns:na me:1", "h", "h:1:2"} {
		if _, err := Open(zerolog.Nop(), "h:1", "dns:localhost:1", wrong); !errors.Is(err, ErrConfig) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}
