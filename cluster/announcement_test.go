package cluster

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// wire encodes a map as metadata of version 1.
func wire(t testing.TB, m any) []byte {
	t.Helper()
	body, err := encMode.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return append([]byte{announcementVersion}, body...)
}

func fields(change map[int]any) map[int]any {
	m := map[int]any{1: "a", 2: "h:1", 3: 1, 4: 2, 5: 1, 6: 1}
	for k, v := range change {
		if v == nil {
			delete(m, k)
		} else {
			m[k] = v
		}
	}
	return m
}

func TestDecodeIsStrict(t *testing.T) {
	good := wire(t, fields(nil))
	if a, err := decode(good); err != nil || a.Name != "a" || a.Address != "h:1" || a.Free != 1 || a.Total != 2 || a.claim != 1 || a.seq != 1 {
		t.Fatalf("%+v: %v", a, err)
	}
	if _, err := decode(wire(t, fields(map[int]any{99: "of a later release"}))); err != nil {
		t.Errorf("unknown field: %v", err)
	}
	for name, test := range map[string]struct {
		meta []byte
		want error
	}{
		"empty":             {nil, ErrAnnouncement},
		"version 0":         {append([]byte{0}, good[1:]...), ErrAnnouncement},
		"newer":             {append([]byte{2}, good[1:]...), ErrNewer},
		"no body":           {good[:1], ErrAnnouncement},
		"cut":               {good[:len(good)-1], ErrAnnouncement},
		"trailing bytes":    {append(bytes.Clone(good), 0), ErrAnnouncement},
		"too long":          {wire(t, fields(map[int]any{99: strings.Repeat("x", 512)})), ErrAnnouncement},
		"no map":            {wire(t, []int{1}), ErrAnnouncement},
		"a key twice":       {[]byte("\x01\xa2\x03\x01\x03\x01"), ErrAnnouncement},
		"indefinite length": {[]byte("\x01\xbf\x03\x01\xff"), ErrAnnouncement},
		"no name":           {wire(t, fields(map[int]any{1: nil})), ErrAnnouncement},
		"a name of lines":   {wire(t, fields(map[int]any{1: "a\nb"})), ErrAnnouncement},
		"a long name":       {wire(t, fields(map[int]any{1: strings.Repeat("a", 65)})), ErrAnnouncement},
		"no address":        {wire(t, fields(map[int]any{2: nil})), ErrAnnouncement},
		"no host":           {wire(t, fields(map[int]any{2: ":9400"})), ErrAnnouncement},
		"unspecified":       {wire(t, fields(map[int]any{2: "0.0.0.0:9400"})), ErrAnnouncement},
		"no port":           {wire(t, fields(map[int]any{2: "h"})), ErrAnnouncement},
		"port 0":            {wire(t, fields(map[int]any{2: "h:0"})), ErrAnnouncement},
		"a host of escapes": {wire(t, fields(map[int]any{2: "\x1b[2J:1"})), ErrAnnouncement},
		"more than all":     {wire(t, fields(map[int]any{3: 3})), ErrAnnouncement},
		"negative":          {wire(t, fields(map[int]any{3: -1})), ErrAnnouncement},
		"nothing":           {wire(t, fields(map[int]any{3: 0, 4: 0})), ErrAnnouncement},
		"more than int64":   {wire(t, fields(map[int]any{4: uint64(math.MaxUint64)})), ErrAnnouncement},
		"no claim":          {wire(t, fields(map[int]any{5: nil})), ErrAnnouncement},
		"no sequence":       {wire(t, fields(map[int]any{6: 0})), ErrAnnouncement},
		"up for ever":       {wire(t, fields(map[int]any{7: uint64(math.MaxUint64)})), ErrAnnouncement},
		"a number as name":  {wire(t, fields(map[int]any{1: 1})), ErrAnnouncement},
	} {
		if _, err := decode(test.meta); !errors.Is(err, test.want) {
			t.Errorf("%s: %v", name, err)
		} else if strings.ContainsAny(err.Error(), "\n\x1b") {
			t.Errorf("%s: error %q", name, err)
		}
	}
}

// Any valid announcement fits into the metadata and arrives unchanged.
func TestAnnouncementsArrive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		total := rapid.Int64Range(1, math.MaxInt64).Draw(t, "total")
		a := announced{
			Announcement: Announcement{
				Name:    rapid.StringMatching(`[A-Za-z0-9_][A-Za-z0-9._-]{0,63}`).Draw(t, "name"),
				Address: joinAddress(rapid.StringMatching(`[a-z0-9]([a-z0-9-]{0,251}[a-z0-9])?`).Draw(t, "host"), rapid.Uint16Min(1).Draw(t, "port")),
				Free:    rapid.Int64Range(0, total).Draw(t, "free"), Total: total,
			},
			claim: rapid.Uint64Min(1).Draw(t, "claim"), seq: rapid.Uint64Min(1).Draw(t, "seq"),
			up: time.Duration(rapid.Uint64Range(0, maxUp).Draw(t, "up")) * time.Second,
		}
		meta, err := a.encode()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := decode(meta); err != nil || got != a {
			t.Fatalf("%+v became %+v: %v", a, got, err)
		}
	})
}

func FuzzDecode(f *testing.F) {
	f.Add(wire(f, fields(nil)))
	f.Add([]byte("\x01\xa2\x03\x01\x03\x01"))
	f.Add([]byte("\x02"))
	f.Fuzz(func(t *testing.T, meta []byte) {
		a, err := decode(meta)
		if err != nil {
			if !errors.Is(err, ErrAnnouncement) && !errors.Is(err, ErrNewer) {
				t.Fatalf("error without a sentinel: %v", err)
			}
			return
		}
		again, err := a.encode()
		if err != nil {
			t.Fatalf("what was decoded cannot be encoded: %+v: %v", a, err)
		}
		if b, err := decode(again); err != nil || b != a {
			t.Fatalf("%+v became %+v: %v", a, b, err)
		}
	})
}

func TestMuchChanged(t *testing.T) {
	base := Announcement{Name: "a", Address: "h:1", Free: 800, Total: 1600}
	for name, test := range map[string]struct {
		change func(*Announcement)
		want   bool
	}{
		"nothing":     {func(*Announcement) {}, false},
		"a sixteenth": {func(a *Announcement) { a.Free -= 100 }, false},
		"less":        {func(a *Announcement) { a.Free -= 101 }, true},
		"more":        {func(a *Announcement) { a.Free += 101 }, true},
		"full":        {func(a *Announcement) { a.Free = 0 }, true},
		"resized":     {func(a *Announcement) { a.Total++ }, true},
		"moved":       {func(a *Announcement) { a.Address = "h:2" }, true},
		"renamed":     {func(a *Announcement) { a.Name = "b" }, true},
	} {
		now := base
		test.change(&now)
		if got := muchChanged(base, now); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if small := (Announcement{Free: 0, Total: 1600}); !muchChanged(small, Announcement{Free: 1, Total: 1600}) {
		t.Error("a donor that has room again should say so")
	}
}
