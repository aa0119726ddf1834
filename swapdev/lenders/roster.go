package lenders

import (
	"slices"
	"sync/atomic"
)

// Roster is the donors of a device, by id. It only grows: a donor that has gone may come
// back. One goroutine adds; any may look.
type Roster struct{ list atomic.Pointer[[]*Donor] }

// All are the donors; a donor's place is its id.
func (r *Roster) All() []*Donor {
	if l := r.list.Load(); l != nil {
		return *l
	}
	return nil
}

// Get is the donor with an id, which must exist.
func (r *Roster) Get(id uint16) *Donor { return r.All()[id] }

// add makes a donor of an address. The links of queues to it are the caller's to make.
func (r *Roster) add(address string) *Donor {
	d := &Donor{id: uint16(len(r.All())), address: address, state: StateDown, doubtful: make(map[int]bool)}
	all := append(slices.Clone(r.All()), d)
	r.list.Store(&all)
	return d
}
