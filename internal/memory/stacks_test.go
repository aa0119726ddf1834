package memory

import (
	"reflect"
	"testing"
)

func TestStacksOf(t *testing.T) {
	const size, guard = 256 << 10, 4096
	rw := func(start, length uint64, name string) Mapping {
		return Mapping{Start: start, End: start + length, Perms: "rw-p", Name: name}
	}
	none := func(start, length uint64, name string) Mapping {
		return Mapping{Start: start, End: start + length, Perms: "---p", Name: name}
	}
	for name, tc := range map[string]struct {
		mappings []Mapping
		want     []Stack
	}{
		"none":                  {nil, nil},
		"no guard":              {[]Mapping{rw(1<<20, size, "")}, nil},
		"a stack":               {[]Mapping{none(1<<20, guard, ""), rw(1<<20+guard, size, "")}, []Stack{{1<<20 + guard, 1<<20 + guard + size}}},
		"joined with others":    {[]Mapping{none(1<<20, guard, ""), rw(1<<20+guard, 4*size, "")}, []Stack{{1<<20 + guard, 1<<20 + guard + size}}},
		"split":                 {[]Mapping{none(1<<20, guard, ""), rw(1<<20+guard, size/2, ""), rw(1<<20+guard+size/2, size/2, "")}, []Stack{{1<<20 + guard, 1<<20 + guard + size}}},
		"a gap above":           {[]Mapping{none(1<<20, guard, ""), rw(1<<20+2*guard, size, "")}, nil},
		"reserved, no guard":    {[]Mapping{none(1<<20, 16*guard, ""), rw(1<<20+16*guard, size, "")}, nil},
		"a gap in a library":    {[]Mapping{none(1<<20, guard, "/lib/a.so"), rw(1<<20+guard, size, "")}, nil},
		"a library above":       {[]Mapping{none(1<<20, guard, ""), rw(1<<20+guard, size, "/lib/a.so")}, nil},
		"guards in one stack":   {[]Mapping{none(1<<20, guard, ""), rw(1<<20+guard, guard, ""), none(1<<20+2*guard, guard, ""), rw(1<<20+3*guard, guard, "")}, []Stack{{1<<20 + guard, 1<<20 + guard + size}}},
		"two, one upon another": {[]Mapping{none(1<<20, guard, ""), rw(1<<20+guard, size, ""), none(1<<20+guard+size, guard, ""), rw(1<<20+2*guard+size, size, "")}, []Stack{{1<<20 + guard, 1<<20 + guard + size}, {1<<20 + 2*guard + size, 1<<20 + 2*guard + 2*size}}},
	} {
		if got := stacksOf(tc.mappings, size); !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s: got %x, want %x", name, got, tc.want)
		}
	}
}
