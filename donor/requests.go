package donor

import (
	"context"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/verbs"
)

// requests answers the requests of one session.
type requests struct {
	donor   *Donor
	device  *device
	session *session
}

// Handle implements control.Handler.
func (r *requests) Handle(ctx context.Context, req control.Message) (control.Message, error) {
	if _, asks := req.(*control.QueryMem); asks {
		r.sayQuota()
		return r.donor.freeMem(r.device.identity), nil
	}
	if err := r.donor.changes.take(ctx, r.device.identity); err != nil {
		return nil, err
	}
	switch req := req.(type) {
	case *control.Map:
		return r.mapSlab(ctx, req)
	case *control.Unmap:
		return r.unmapSlab(req)
	}
	return nil, control.ErrUnsupported
}

// line begins a line about a slab of a device. An identity gets a bounded number of them at level info. One
// that follows on others that were left out says how many those were.
func (d *Donor) line(dev *device) *zerolog.Event {
	ok, skipped := d.lines.try(dev.identity)
	if !ok {
		return d.log.Debug()
	}
	event := d.log.Info()
	if skipped > 0 {
		event = event.Uint64("unsaid", skipped)
	}
	return event
}

// sayQuota logs that the devices of an identity ask for more than their quota. It logs that again
// only after they have held less.
func (r *requests) sayQuota() {
	d, dev := r.donor, r.device
	if held, most, news := d.ledger.overQuota(dev.identity, int64(dev.slabSize)); news {
		d.log.Warn().Str("identity", dev.identity).Str("device", dev.name).Int64("bytes", held).Int64("quota", most).
			Msg("a quota is used up: further slabs go to other donors or stay on disk")
	}
}

// freeMem returns the donor's memory as far as the devices of one identity may use it.
func (d *Donor) freeMem(identity string) *control.FreeMem {
	f := d.pool.figures()
	total := uint64(max(f.limit, f.taken)) // Resize can lower the limit below the lent memory
	d.mu.Lock()
	machine := uint64(d.machine.total)
	d.mu.Unlock()
	return &control.FreeMem{
		Total:  total,
		Free:   min(uint64(d.ledger.free(identity)), total),
		Used:   uint64(f.taken),
		Mapped: uint64(f.mapped),

		Spare: min(uint64(d.ledger.spare()), machine), Machine: machine,
	}
}

// mapSlab lends a slab, or gives a held slab a new key. An error changes nothing.
func (r *requests) mapSlab(ctx context.Context, req *control.Map) (*control.MRInfo, error) {
	d, dev := r.donor, r.device
	dev.op.Lock()
	defer dev.op.Unlock()
	old, server := dev.slabs[req.Slab], r.session.server(req.Transport)
	switch {
	case req.Bytes > uint64(dev.slabSize):
		return nil, fmt.Errorf("slab %d of %d bytes: %w: the session's slabs have %d", req.Slab, req.Bytes, control.ErrTooBig, dev.slabSize)
	case req.Bytes != uint64(dev.slabSize):
		return nil, fmt.Errorf("slab %d of %d bytes: %w: the session's slabs have %d", req.Slab, req.Bytes, control.ErrInvalid, dev.slabSize)
	case server == nil:
		return nil, fmt.Errorf("slab %d over transport %q: %w: this session does not have it", req.Slab, req.Transport, control.ErrUnsupported)
	case old == nil && req.Claim:
		return nil, fmt.Errorf("claim of slab %d: %w", req.Slab, control.ErrUnknownSlab)
	case old != nil && old.key != 0:
		return nil, fmt.Errorf("slab %d: %w: unmap it first", req.Slab, control.ErrSlabHeld)
	case old != nil && !req.Claim:
		return nil, fmt.Errorf("slab %d: %w: claim or unmap it first", req.Slab, control.ErrSlabHeld)
	}
	sl, begun := old, time.Now()
	if sl == nil {
		mem, err := d.take(ctx, dev)
		if err != nil {
			r.sayQuota()
			return nil, fmt.Errorf("slab %d: %w", req.Slab, err)
		}
		sl = &slab{mem: mem}
	}
	got := time.Now()
	grant, err := server.register(r.session.id(), sl.mem)
	if err != nil {
		d.transports.failed(server, err)
		err = fmt.Errorf("slab %d: register over %s: %w", req.Slab, server.Name(), err)
		if old == nil {
			if putErr := d.pool.put(sl.mem); putErr != nil {
				d.log.Error().Err(putErr).Msg("slab not freed")
			} else {
				d.ledger.release(dev.identity, int64(len(sl.mem)), false)
			}
		}
		return nil, err
	}
	d.mu.Lock()
	sl.key, sl.server, sl.tick = grant.Key, server, d.ticks.Load()
	dev.slabs[req.Slab] = sl
	d.takeBackRecall(dev, req.Slab)
	d.endRecovery(dev)
	d.mu.Unlock()
	d.line(dev).Str("device", dev.name).Str("identity", dev.identity).Uint32("slab", req.Slab).Int("bytes", len(sl.mem)).
		Bool("claimed", req.Claim).Str("transport", server.Name()).Stringer("memory", got.Sub(begun).Round(time.Microsecond)).
		Stringer("register", time.Since(got).Round(time.Microsecond)).Msg("slab mapped")
	return &control.MRInfo{Slab: req.Slab, Key: uint64(grant.Key), Bytes: grant.Length}, nil
}

// take gets zeroed memory for a slab of a device, within the quota of its identity. op is held.
func (d *Donor) take(ctx context.Context, dev *device) ([]byte, error) {
	if err := d.ledger.reserve(dev.identity, int64(dev.slabSize)); err != nil {
		return nil, err
	}
	mem, err := d.pool.get(ctx, dev.slabSize)
	if err != nil {
		d.ledger.release(dev.identity, int64(dev.slabSize), false)
	}
	return mem, err
}

// unmapSlab takes a slab back. It ends remote access before it frees the memory.
func (r *requests) unmapSlab(req *control.Unmap) (*control.Done, error) {
	d, dev := r.donor, r.device
	dev.op.Lock()
	defer dev.op.Unlock()
	sl := dev.slabs[req.Slab]
	switch {
	case sl == nil:
		return nil, fmt.Errorf("slab %d: %w", req.Slab, control.ErrUnknownSlab)
	case req.Key != 0 && verbs.Key(req.Key) != sl.key:
		return nil, fmt.Errorf("slab %d: %w under this key", req.Slab, control.ErrUnknownSlab)
	}
	if sl.key != 0 {
		if err := sl.server.deregister(r.session.id(), sl.key); err != nil {
			// The device may still reach the slab. The end of the session revokes every
			// key, and the end of the lease frees the slab.
			err = fmt.Errorf("slab %d: %w: deregister: %w", req.Slab, control.ErrInternal, err)
			d.condemn(r.session, err)
			return nil, err
		}
	}
	d.removeOrSay(dev, req.Slab)
	d.line(dev).Str("device", dev.name).Str("identity", dev.identity).Uint32("slab", req.Slab).Msg("slab unmapped")
	return &control.Done{Slab: req.Slab}, nil
}
