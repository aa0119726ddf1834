package donor

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/verbs"
)

// deviceKey tells devices apart. Whoever knows the UUID of a device of another identity gets nothing of
// that device by it, and does not keep it out: it is another device.
type deviceKey struct {
	uuid     control.UUID
	identity string // name of its certificate; empty when insecure
}

// device is a device that has a session, slabs under lease, or both.
type device struct {
	deviceKey

	// op serialises the operations of the device. A holder may wait for a bounded time. Take it
	// before Donor.mu.
	op sync.Mutex

	// To change the fields below, hold op and Donor.mu. To read them, hold either.
	name     string
	slabSize int            // bytes
	session  *session       // nil: the device is lost
	shown    *control.Shown // the certificate of its last connection; nil when insecure
	slabs    map[uint32]*slab
	served   served      // by whom, in its last session
	lease    *time.Timer // runs while the donor holds slabs; nil before
	recovery recovery
	gone     bool // no longer among Donor.devices
}

// served is which server of a device has opened a session: see control.Hello.
type served struct{ server, generation uint64 }

// rivals reports whether two sessions are those of different servers. One of a release that does not say who it is
// rivals nobody.
func (s served) rivals(other served) bool {
	return s.server != 0 && other.server != 0 && s.server != other.server
}

// session is the session of a device. It outlives its control connection for the grace time.
type session struct {
	credential verbs.Credential
	servers    []*server // that have admitted it
	since      time.Time
	grace      time.Duration // how long it is kept without a control connection; 0: not at all
	hearing    hearing

	// To change the fields below, hold op and Donor.mu. To read them, hold either.
	control *control.Session // the connection now, or the last one
	resumed bool             // control is not the first
	left    chan struct{}    // closed once the connection has ended, and with it its requests
	cut     time.Time        // when the connection was lost; zero: it is there
	timer   *time.Timer      // ends the session, while the connection is lost

	over error // why the session ends with its connection, whatever that says; changes with Donor.mu held
}

func (ses *session) id() verbs.SessionID { return ses.credential.Session }

// slab is lent memory. While it has a key it is mapped; without one it is held under lease.
type slab struct {
	mem     []byte
	key     verbs.Key // 0: no remote operation reaches it
	server  *server   // that issued the key
	expires time.Time // of the lease, while it is held
	tick    int64     // Donor.ticks when the device mapped it
	recall  *recall   // not nil: the donor has asked it back; changes with Donor.mu held
}

// held lists the slabs without a key in ascending order. op or Donor.mu is held.
func (dev *device) held() []uint32 {
	var list []uint32
	for _, i := range slices.Sorted(maps.Keys(dev.slabs)) {
		if dev.slabs[i].key == 0 {
			list = append(list, i)
		}
	}
	return list
}

// lookup finds or adds the device of a hello and locks its op. The error wraps control.ErrBusy if its
// identity has maxDevices already.
func (d *Donor) lookup(key deviceKey) (*device, error) {
	for {
		d.mu.Lock()
		if d.closed {
			d.mu.Unlock()
			return nil, errPoolClosed
		}
		dev := d.devices[key]
		if dev == nil {
			if key.identity != "" && d.devicesOf(key.identity) >= maxDevices {
				d.mu.Unlock()
				return nil, fmt.Errorf("device %v: %w: identity %q has %d devices here already", key.uuid, control.ErrBusy, key.identity, maxDevices)
			}
			dev = &device{deviceKey: key, slabs: make(map[uint32]*slab)}
			d.devices[key] = dev
		}
		d.mu.Unlock()
		dev.op.Lock()
		if !dev.gone {
			return dev, nil
		}
		dev.op.Unlock()
	}
}

// devicesOf counts the devices of an identity. mu is held.
func (d *Donor) devicesOf(identity string) int {
	n := 0
	for _, dev := range d.devices {
		if dev.identity == identity {
			n++
		}
	}
	return n
}

// forget removes a device that has neither session nor slabs. op is held.
func (d *Donor) forget(dev *device) {
	if dev.session != nil || len(dev.slabs) > 0 {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	dev.gone = true
	delete(d.devices, dev.deviceKey)
}

// hold restarts the lease of all slabs without a key, as of a time. The lease does not end before the
// device's recovery does. op is held.
func (d *Donor) hold(dev *device, since time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	expires := since.Add(d.cfg.Lease)
	if expires.Before(dev.recovery.until) {
		expires = dev.recovery.until
	}
	some := false
	for _, s := range dev.slabs {
		if s.key == 0 {
			s.expires, some = expires, true
		}
	}
	switch {
	case !some:
	case dev.lease == nil:
		dev.lease = time.AfterFunc(time.Until(expires), func() { d.expire(dev) })
	default:
		dev.lease.Reset(time.Until(expires))
	}
}

// expire frees the slabs with an expired lease.
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

// remove frees a slab. op is held. Precondition: no remote operation reaches the slab.
func (d *Donor) remove(dev *device, i uint32) error {
	returned := time.Now()
	d.mu.Lock()
	s := dev.slabs[i]
	delete(dev.slabs, i)
	d.endRecovery(dev)
	d.mu.Unlock()
	err := d.pool.put(s.mem)
	if err == nil {
		d.ledger.release(dev.identity, int64(len(s.mem)), s.recall != nil)
	}
	if s.recall != nil { // constant once the device has lost the slab
		d.returned(s.recall, returned)
	}
	return err // on an error the memory is still mapped, and stays on the ledger
}

// free frees all slabs of a device when the donor closes. Precondition: the servers are
// closed.
func (d *Donor) free(dev *device) error {
	dev.op.Lock()
	defer dev.op.Unlock()
	d.mu.Lock()
	slabs := dev.slabs
	dev.slabs, dev.gone = nil, true
	if dev.lease != nil {
		dev.lease.Stop()
	}
	if ses := dev.session; ses != nil && ses.timer != nil {
		ses.timer.Stop()
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
