package donor

import (
	"cmp"
	"slices"
	"time"

	"github.com/farswap/farswap/status"
)

// heldSlab is a slab without a key.
type heldSlab struct {
	dev     *device
	index   uint32
	slab    *slab
	expires time.Time
	present bool // its device has a session, and may claim it
}

// freeHeld frees slabs under lease until it has freed that many bytes, and returns how many it
// freed. It begins with lost devices and with the oldest lease. It skips a device with an
// operation under way.
func (d *Donor) freeHeld(bytes int64, why string) (freed int64) {
	gone := make(map[*device]*status.DonorEviction)
	slabs := make(map[*device][]uint32)
	for _, h := range d.heldSlabs() {
		if freed >= bytes {
			break
		}
		begun := time.Now()
		if !d.freeOne(h) {
			continue
		}
		size := int64(len(h.slab.mem))
		freed += size
		e := gone[h.dev]
		if e == nil {
			e = &status.DonorEviction{UUID: h.dev.uuid.String(), Identity: h.dev.identity, Why: why, Leased: true}
			gone[h.dev] = e
		}
		e.At, e.Slabs, e.Bytes = time.Now(), e.Slabs+1, e.Bytes+size
		e.Freeing += int64(time.Since(begun))
		slabs[h.dev] = append(slabs[h.dev], h.index)
	}
	for dev, e := range gone {
		d.mu.Lock()
		e.Device = dev.name
		d.mu.Unlock()
		d.evicted(*e, slabs[dev])
	}
	return freed
}

// heldSlabs returns slabs without a key in the order in which freeHeld frees them. Those of a device
// in recovery count like mapped ones, and those that the donor has asked back are on their way.
func (d *Donor) heldSlabs() []heldSlab {
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	var list []heldSlab
	for _, dev := range d.devices {
		if dev.recovery.under(now) {
			continue
		}
		for i, s := range dev.slabs {
			if s.key == 0 && s.recall == nil {
				list = append(list, heldSlab{dev, i, s, s.expires, dev.session != nil})
			}
		}
	}
	slices.SortFunc(list, func(a, b heldSlab) int {
		if a.present != b.present {
			if a.present {
				return 1
			}
			return -1
		}
		return cmp.Or(a.expires.Compare(b.expires), cmp.Compare(a.index, b.index))
	})
	return list
}

// freeOne frees a slab if it is still under lease.
func (d *Donor) freeOne(h heldSlab) bool {
	if !h.dev.op.TryLock() { // a Map that waits for memory holds op for long
		return false
	}
	defer h.dev.op.Unlock()
	if s := h.dev.slabs[h.index]; s != h.slab || s.key != 0 || s.recall != nil || h.dev.recovery.under(time.Now()) {
		return false
	}
	if err := d.remove(h.dev, h.index); err != nil {
		d.log.Error().Str("device", h.dev.name).Uint32("slab", h.index).Err(err).Msg("slab not freed")
		return false
	}
	d.forget(h.dev)
	return true
}
