package memory

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

// smaps is what kernels 6.12 and 7.3 write for a server, shortened.
const smaps = `00400000-00500000 r-xp 00000000 08:01 17                                 /usr/bin/with space
Size:               1024 kB
Rss:                1024 kB
Locked:             1000 kB
THPeligible:           0
VmFlags: rd ex mr mw me lo sd 
00500000-00600000 rw-p 00000000 00:00 0 
Size:               1024 kB
Locked:                8 kB
VmFlags: rd wr mr mw me lo ac lf sd hg 
`

func TestParseMappings(t *testing.T) {
	got, err := ParseMappings(strings.NewReader(smaps))
	if err != nil {
		t.Fatal(err)
	}
	want := []Mapping{
		{Start: 0x400000, End: 0x500000, Perms: "r-xp", Name: "/usr/bin/with space", Resident: 1024 << 10, Locked: 1000 << 10},
		{Start: 0x500000, End: 0x600000, Perms: "rw-p", Locked: 8 << 10, Huge: true},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestParseMappingsRefuses(t *testing.T) {
	const first = "1000-2000 rw-p 00000000 00:00 0\n"
	for name, text := range map[string]string{
		"no range":              "words\n",
		"reversed":              "2000-1000 rw-p 00000000 00:00 0\n",
		"empty range":           "1000-1000 rw-p 00000000 00:00 0\n",
		"no hexadecimal":        "10x0-2000 rw-p 00000000 00:00 0\n",
		"short":                 "1000-2000 rw-p 00000000\n",
		"bad permissions":       "1000-2000 rw 00000000 00:00 0\n",
		"figure first":          "Locked: 4 kB\n" + first,
		"no figure":             first + "Locked: many kB\n",
		"negative":              first + "Locked: -4 kB\n",
		"no resident figure":    first + "Rss:\n",
		"more than there is":    first + "Locked: 5 kB\n",
		"overlap":               first + "1800-3000 rw-p 00000000 00:00 0\n",
		"descending":            "3000-4000 rw-p 00000000 00:00 0\n" + first,
		"a line without an end": strings.Repeat("x", 1<<17),
	} {
		if got, err := ParseMappings(strings.NewReader(text)); err == nil {
			t.Errorf("%s: got %+v and no error", name, got)
		} else if name != "a line without an end" && !errors.Is(err, ErrMappings) {
			t.Errorf("%s: %v does not wrap ErrMappings", name, err)
		}
	}
}

func TestMappingsOfThisProcess(t *testing.T) {
	all, err := Mappings()
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for _, m := range all {
		named[m.Name] = true
	}
	if !named["[stack]"] {
		t.Errorf("%d mappings, and no stack", len(all))
	}
}

// FuzzParseMappings gives the parser any text. What it accepts is ascending, locks no more
// than there is, and can be split into parts that add up.
func FuzzParseMappings(f *testing.F) {
	f.Add(smaps, uint64(0x400000), uint64(0x1000))
	f.Add("1000-2000 ---p 00000000 00:00 0\n2000-9000 rw-p 00000000 00:00 0\nLocked: 28 kB\n", uint64(0x3000), uint64(0x2000))
	f.Fuzz(func(t *testing.T, text string, start, size uint64) {
		all, err := ParseMappings(strings.NewReader(text))
		if err != nil {
			return
		}
		var whole int64
		for i, m := range all {
			if m.Start >= m.End || i > 0 && m.Start < all[i-1].End {
				t.Fatalf("%+v after %+v", m, all[max(0, i-1)])
			}
			if m.Size() > 0 && (m.Locked < 0 || m.Locked > m.Size()) {
				t.Fatalf("%d bytes of %d locked", m.Locked, m.Size())
			}
			whole += m.Locked
		}
		p := Process{Program: "/usr/bin/with space", Heap: start}
		if start+size > start {
			p.Parts = []Part{{Start: start, End: start + size, Map: size%2 == 0}}
		}
		if sum := p.Split(all).Total(); sum != whole {
			t.Fatalf("parts add up to %d, the whole is %d", sum, whole)
		}
	})
}
