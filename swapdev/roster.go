package swapdev

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/farswap/farswap/cluster"
	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/status"
)

// firstDonors is how long a device that is to find its donors in a cluster waits for
// the first.
const firstDonors = 15 * time.Second

// roster is the donors of a device, by id. It only grows: a donor that has gone may
// come back. One goroutine adds; anyone may look.
type roster struct{ list atomic.Pointer[[]*donor] }

func (r *roster) all() []*donor {
	if l := r.list.Load(); l != nil {
		return *l
	}
	return nil
}

func (r *roster) get(id uint16) *donor { return r.all()[id] }

func (r *roster) add(d *donor) {
	all := append(slices.Clone(r.all()), d)
	r.list.Store(&all)
}

// addDonor makes a donor of an address. Its queues' links are the caller's to make.
func (e *engine) addDonor(address string) *donor {
	d := &donor{engine: e, id: uint16(len(e.donors.all())), address: address, lost: make(chan error, 1), state: donorDown}
	e.donors.add(d)
	return d
}

// holds counts the slabs on each donor.
func (e *engine) holds() []int {
	n := make([]int, len(e.donors.all()))
	for slab := range e.pages.Geometry().Slabs() {
		if s := e.pages.Slab(slab); holds(s) && int(s.Donor) < len(n) {
			n[s.Donor]++
		}
	}
	return n
}

// holds reports whether a slab's donor has copies that count.
func holds(s slabmap.Slab) bool {
	return s.State == slabmap.Mapped || s.State == slabmap.Migrating || s.State == slabmap.Draining
}

// addresses are a device's own donors, and those that the source knows: for a device
// without its own, once there is one. source may be nil.
func addresses(ctx context.Context, own []string, source cluster.Source) ([]string, error) {
	if source == nil {
		return own, nil
	}
	ctx, cancel := context.WithTimeout(ctx, firstDonors)
	defer cancel()
	for {
		all := slices.Clone(own)
		for _, d := range source.Donors() {
			if !slices.Contains(all, d.Address) && len(all) < maxDonors {
				all = append(all, d.Address)
			}
		}
		if len(all) > 0 {
			return all, nil
		}
		select {
		case _, ok := <-source.Changed():
			if ok {
				continue
			}
		case <-ctx.Done():
		}
		return nil, fmt.Errorf("no donor has shown up in the cluster within %v: start one that joins it, or name one with --donor: %w", firstDonors, ErrNoDonor)
	}
}

// follow has the device use donors that appear in the cluster, until ctx ends. One
// that vanishes stays in the roster: its session says when it is lost, and it is
// dialled until it is back.
func (e *engine) follow(ctx context.Context) {
	for {
		for _, c := range e.cluster.Donors() {
			if e.unknown(c) {
				e.join(c)
			}
		}
		select {
		case <-ctx.Done():
			return
		case _, ok := <-e.cluster.Changed():
			if !ok {
				return
			}
		}
	}
}

// unknown reports whether a donor is new.
func (e *engine) unknown(c cluster.Donor) bool {
	return len(e.donors.all()) < maxDonors &&
		!slices.ContainsFunc(e.donors.all(), func(d *donor) bool { return d.address == c.Address })
}

// claim has the donor, with a session, be the one that is used under its name, unless
// another is. Of two donors with one name, the second is not used: nobody could tell
// them apart.
func (d *donor) claim(s *control.Session) error {
	d.engine.naming.Lock()
	defer d.engine.naming.Unlock()
	if err := d.elsewhere(); err != nil {
		return err
	}
	d.set(donorConnecting, s, nil)
	return nil
}

// elsewhere is an error if the donor, by its name, is connected at another address:
// a second session with the same one would end the first, with all its slabs.
func (d *donor) elsewhere() error {
	d.mu.Lock()
	name := d.name
	d.mu.Unlock()
	for _, other := range d.engine.donors.all() {
		if r := other.report(); other != d && name != "" && r.Name == name && r.State != string(donorDown) {
			return fmt.Errorf("donor %s: one named %s is used at %s: list each donor under one address, and give each a --name of its own: %w",
				d.address, name, other.address, ErrNoDonor)
		}
	}
	return nil
}

// join adds a donor while the device is in use.
func (e *engine) join(c cluster.Donor) {
	id := uint16(len(e.donors.all()))
	for _, q := range e.queues {
		grown := make(chan struct{})
		if q.loop.Post(func() { q.links = append(q.links, newLink(q, id)); close(grown) }) {
			e.await(grown)
		}
	}
	d := e.addDonor(c.Address)
	d.mu.Lock()
	d.name = c.Name
	d.mu.Unlock()
	e.journal.info(status.EventDonorNew, "donor has appeared").of("donor", d).with("name", c.Name).with("source", c.Source).tell()
	e.lending.start(func(ctx context.Context) { d.run(ctx, nil) })
}

// lend keeps the first donors connected, with the sessions that reach opened.
func (e *engine) lend(sessions []*control.Session) {
	for i, d := range e.donors.all() {
		e.lending.start(func(ctx context.Context) { d.run(ctx, sessions[i]) })
	}
}
