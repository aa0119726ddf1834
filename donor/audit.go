package donor

import (
	"context"
	"errors"
	"time"

	"github.com/farswap/farswap/control"
)

// auditPause is between two looks at who uses the donor.
const auditPause = time.Second

// audits ends, until the context does, what devices have that may not use the donor any more.
// Connections look at their own certificate; this finds suspended sessions, leases, and names that
// are not allowed any more.
func (d *Donor) audits(ctx context.Context) {
	ticker := time.NewTicker(auditPause)
	defer ticker.Stop()
	for {
		select {
		case now := <-ticker.C:
			d.audit(now)
		case <-ctx.Done():
			return
		}
	}
}

// audit looks at all devices once. It waits for operations under way of those that it ends.
func (d *Donor) audit(now time.Time) {
	for _, dev := range d.known() {
		d.mu.Lock()
		ses, shown := dev.session, dev.shown
		d.mu.Unlock()
		why := d.ledger.admit(dev.identity)
		if why == nil {
			why = shown.Check(now)
		}
		if why == nil {
			continue
		}
		if ses != nil {
			d.dismiss(dev, ses, why)
		}
		if excludes(why) {
			d.dispossess(dev, why)
		}
	}
}

func (d *Donor) known() []*device {
	d.mu.Lock()
	defer d.mu.Unlock()
	list := make([]*device, 0, len(d.devices))
	for _, dev := range d.devices {
		list = append(list, dev)
	}
	return list
}

// excludes reports whether a device whose session ends for a reason gets no lease: nobody wants it to
// come back. A certificate that has ended can be renewed, and keeps the lease.
func excludes(why error) bool {
	for _, reason := range []error{control.ErrRevoked, control.ErrUntrusted, control.ErrRole, errNotAllowed} {
		if errors.Is(why, reason) {
			return true
		}
	}
	return false
}

// dispossess frees what a device without a session has under lease.
func (d *Donor) dispossess(dev *device, why error) {
	dev.op.Lock()
	defer dev.op.Unlock()
	if dev.gone || dev.session != nil {
		return
	}
	slabs := dev.held()
	if len(slabs) == 0 {
		return
	}
	for _, i := range slabs {
		d.removeOrSay(dev, i)
	}
	d.log.Info().Str("device", dev.name).Str("identity", dev.identity).Stringer("uuid", dev.uuid).Int("slabs", len(slabs)).
		AnErr("why", why).Msg("lease taken back")
	d.forget(dev)
}

// removeOrSay is remove for callers that can do nothing about an error. op is held.
func (d *Donor) removeOrSay(dev *device, i uint32) {
	if err := d.remove(dev, i); err != nil {
		d.log.Error().Str("device", dev.name).Uint32("slab", i).Err(err).Msg("slab not freed")
	}
}
