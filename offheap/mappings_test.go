package offheap

import (
	"slices"
	"testing"
)

// listed is the entry of a mapping in the list, which other tests' memory may be in, too.
func listed(mem []byte) (Mapping, bool) {
	all := Mappings()
	i := slices.IndexFunc(all, func(m Mapping) bool { return m.Start == address(mem) })
	if i < 0 {
		return Mapping{}, false
	}
	return all[i], true
}

func TestMappings(t *testing.T) {
	const size = 2*4096 + 1
	var kept [][]byte
	for _, purpose := range []string{"page map", "", "buffers"} {
		mem, err := Map(size, Options{Purpose: purpose})
		if err != nil {
			t.Fatal(err)
		}
		kept = append(kept, mem)
		m, ok := listed(mem)
		if !ok || m.Purpose != purpose || m.End != m.Start+3*4096 {
			t.Errorf("%q is listed as %+v (%v), want 3 pages", purpose, m, ok)
		}
	}
	if all := Mappings(); !slices.IsSortedFunc(all, func(a, b Mapping) int { return int(int64(a.Start - b.Start)) }) {
		t.Errorf("not ascending: %+v", all)
	}
	for _, mem := range kept {
		start := address(mem)
		if err := Unmap(mem); err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(Mappings(), func(m Mapping) bool { return m.Start == start && m.End == start+3*4096 }) {
			t.Errorf("%x is still listed", start)
		}
	}
}
