package web

import (
	"math"
	"slices"

	"github.com/farswap/farswap/status"
)

// slabStates are the states of slabs, by number. A slab in another state has the length of
// the list as its number.
var slabStates = []string{"unmapped", "mapping", "mapped", "draining", "failed", "migrating"}

// slabFields is the number of values that a slab has in slabChange.Values.
const slabFields = 6

// slabChange has the slabs that have changed since they were sent.
type slabChange struct {
	Count  int      `json:"count"`  // of the device
	Donors []string `json:"donors"` // names, by number
	// Values are, for each slab that changed, its index, state, donor (-1: none),
	// activity in tenths rounded to two digits, remote pages, and p99 in nanoseconds
	// rounded to three.
	Values []int64 `json:"values"`
}

// sentSlab is a slab as it was sent to a page.
type sentSlab struct {
	state    uint8
	donor    int16 // number in slabMemory.names; -1: none
	activity uint32
	remote   uint32
	p99      int64
}

// slabMemory remembers which slabs of a device were sent to one page.
type slabMemory struct {
	slabs   []sentSlab
	names   []string
	numbers map[string]int16 // of names
}

// maxDonorNames bounds the names of one device's donors that are sent to a page.
const maxDonorNames = 4096

// change returns what has to be sent to the page, or nil if the page has everything.
func (m *slabMemory) change(now []status.Slab, donors []status.Donor) *slabChange {
	for i := range donors { // so their numbers follow the order of the status
		m.number(donors[i].Name)
	}
	c := &slabChange{Count: len(now)}
	resized := len(m.slabs) != len(now)
	if resized {
		m.slabs = make([]sentSlab, len(now))
		for i := range m.slabs {
			m.slabs[i].state = math.MaxUint8 // no slab has this state, so each is sent
		}
	}
	for i := range now {
		one := m.reduce(&now[i])
		if one == m.slabs[i] {
			continue
		}
		m.slabs[i] = one
		c.Values = append(c.Values, int64(now[i].Index), int64(one.state), int64(one.donor), int64(one.activity), int64(one.remote), one.p99)
	}
	if len(c.Values) == 0 && !resized {
		return nil
	}
	c.Donors = m.names
	return c
}

func (m *slabMemory) reduce(s *status.Slab) sentSlab {
	state := slices.Index(slabStates, s.State)
	if state < 0 {
		state = len(slabStates)
	}
	return sentSlab{
		state: uint8(state), donor: m.number(s.Donor), activity: twoDigits(10 * s.Activity),
		remote: uint32(min(max(s.RemotePages, 0), math.MaxUint32)), p99: rounded(s.Latency.P99),
	}
}

// number returns the number of a donor's name. A name keeps its number.
func (m *slabMemory) number(name string) int16 {
	if name == "" {
		return -1
	}
	i, known := m.numbers[name]
	if !known {
		if len(m.names) == maxDonorNames {
			return -1
		}
		if m.numbers == nil {
			m.numbers = map[string]int16{}
		}
		i = int16(len(m.names))
		m.names, m.numbers[name] = append(m.names, name), i
	}
	return i
}

// twoDigits rounds to two digits. Activity changes all the time, and most changes are too
// small to matter.
func twoDigits(v float64) uint32 {
	if !(v > 0) {
		return 0
	}
	v = min(v, math.MaxUint32/2)
	unit := math.Pow(10, max(0, math.Floor(math.Log10(v))-1))
	return uint32(math.Round(v/unit) * unit)
}
