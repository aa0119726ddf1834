package offheap

import (
	"cmp"
	"os"
	"slices"
	"sync"
)

// Mapping is memory from Map or New that was not given back yet.
type Mapping struct {
	Start, End uint64 // addresses; End is at the end of a page
	Purpose    string // of Options; "" from New
}

// Mappings lists what is mapped now, by ascending address. It tells the owner of a process
// what memory is for where the kernel's own list (/proc/self/maps) has addresses only.
func Mappings() []Mapping {
	live.mu.Lock()
	defer live.mu.Unlock()
	return slices.Clone(live.ascending)
}

// live are the mappings of this process.
var live mappings

type mappings struct {
	mu        sync.Mutex // guards ascending
	ascending []Mapping
}

func (m *mappings) add(mem []byte, purpose string) {
	page := uint64(os.Getpagesize())
	start := address(mem)
	end := (start + uint64(len(mem)) + page - 1) / page * page
	m.mu.Lock()
	defer m.mu.Unlock()
	i, _ := m.find(start)
	m.ascending = slices.Insert(m.ascending, i, Mapping{start, end, purpose})
}

// remove forgets a mapping. Memory that is not in the list is the kernel's to refuse.
func (m *mappings) remove(mem []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if i, ok := m.find(address(mem)); ok {
		m.ascending = slices.Delete(m.ascending, i, i+1)
	}
}

// find is where a mapping that starts at an address stands, or belongs. The caller holds
// the lock.
func (m *mappings) find(start uint64) (int, bool) {
	return slices.BinarySearchFunc(m.ascending, start, func(a Mapping, start uint64) int { return cmp.Compare(a.Start, start) })
}
