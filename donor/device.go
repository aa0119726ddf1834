package donor

import (
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/verbs"
)

// device is one device that has a session, or slabs under lease, or both.
type device struct {
	uuid     control.UUID
	identity string // name in the certificate of its first session

	// op makes the device's operations one at a time. It is held while they wait,
	// for a bounded time, and taken before Donor.mu.
	op sync.Mutex

	// The fields below change with op and Donor.mu both held; either is enough to
	// read them.
	name     string
	slabSize int      // bytes
	session  *session // nil: the device is lost
	slabs    map[uint32]*slab
	lease    *time.Timer // runs while slabs are held; nil before
	gone     bool        // no longer among Donor.devices
}

// session is a device's presence.
type session struct {
	control *control.Session
	id      verbs.SessionID
	servers []*server // that admitted it
	since   time.Time
	ended   chan struct{} // closed when its keys are dead and its slabs held
}

// slab is lent memory. It is mapped while it has a key, else held.
type slab struct {
	mem     []byte
	key     verbs.Key // 0: no remote operation can reach it
	server  *server   // that gave the key
	expires time.Time // of a held one
	tick    int64     // Donor.ticks when it was mapped
	recall  *recall   // it was asked back; changes with Donor.mu held
}

// held counts and lists the slabs without a key, in ascending order. op or
// Donor.mu is held.
func (dev *device) held() []uint32 {
	var list []uint32
	for _, i := range slices.Sorted(maps.Keys(dev.slabs)) {
		if dev.slabs[i].key == 0 {
			list = append(list, i)
		}
	}
	return list
}

// lookup finds or adds the device of a hello, and locks its op.
func (d *Donor) lookup(uuid control.UUID, identity string) (*device, error) {
	for {
		d.mu.Lock()
		if d.closed {
			d.mu.Unlock()
			return nil, errPoolClosed
		}
		dev := d.devices[uuid]
		if dev == nil {
			dev = &device{uuid: uuid, identity: identity, slabs: make(map[uint32]*slab)}
			d.devices[uuid] = dev
		}
		d.mu.Unlock()
		dev.op.Lock()
		if !dev.gone {
			return dev, nil
		}
		dev.op.Unlock()
	}
}

// forget removes a device that has neither session nor slabs. op is held.
func (d *Donor) forget(dev *device) {
	if dev.session != nil || len(dev.slabs) > 0 {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	dev.gone = true
	delete(d.devices, dev.uuid)
}

// hold starts the lease of all slabs without a key anew. op is held.
func (d *Donor) hold(dev *device) {
	d.mu.Lock()
	defer d.mu.Unlock()
	expires := time.Now().Add(d.cfg.Lease)
	some := false
	for _, s := range dev.slabs {
		if s.key == 0 {
			s.expires, some = expires, true
		}
	}
	switch {
	case !some:
	case dev.lease == nil:
		dev.lease = time.AfterFunc(d.cfg.Lease, func() { d.expire(dev) })
	default:
		dev.lease.Reset(d.cfg.Lease)
	}
}

// expire frees the held slabs whose lease has run out.
func (d *Donor) expire(dev *device) {
	dev.op.Lock()
	defer dev.op.Unlock()
	if dev.gone {
		return
	}
	now := time.Now()
	count := 0
	var errs []error
	for _, i := range dev.held() {
		if s := dev.slabs[i]; !now.Before(s.expires) {
			errs = append(errs, d.remove(dev, i))
			count++
		}
	}
	if count > 0 {
		d.log.Info().Str("device", dev.name).Str("identity", dev.identity).Stringer("uuid", dev.uuid).Int("slabs", count).
			Err(errors.Join(errs...)).Msg("lease ended")
	}
	d.forget(dev)
}

// remove frees a slab that nothing can reach any more. op is held.
func (d *Donor) remove(dev *device, i uint32) error {
	returned := time.Now()
	d.mu.Lock()
	s := dev.slabs[i]
	delete(dev.slabs, i)
	d.mu.Unlock()
	err := d.pool.put(s.mem)
	if err == nil {
		d.ledger.release(dev.identity, int64(len(s.mem)), s.recall != nil)
	}
	if s.recall != nil { // constant once the slab is out of the device
		d.returned(s.recall, returned)
	}
	return err // memory that is not unmapped stays on the ledger, too
}

// free ends a device when the donor closes. Precondition: the server is closed.
func (d *Donor) free(dev *device) error {
	dev.op.Lock()
	defer dev.op.Unlock()
	d.mu.Lock()
	slabs := dev.slabs
	dev.slabs, dev.gone = nil, true
	if dev.lease != nil {
		dev.lease.Stop()
	}
	d.mu.Unlock()
	var errs []error
	for _, s := range slabs {
		err := d.pool.put(s.mem)
		if err == nil {
			d.ledger.release(dev.identity, int64(len(s.mem)), s.recall != nil)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
