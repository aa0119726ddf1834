package donor

import (
	"fmt"
	"time"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/verbs"
)

// restore goes on with what another donor has left. All sessions are suspended: their devices connect again,
// and have the grace time for it from now on. A slab without a key waits for its device's claim, and
// counts as one of a device in recovery.
func (d *Donor) restore(left *legacy) error {
	if left == nil {
		return nil
	}
	e := left.estate
	d.sessions.Store(e.Sessions)
	if e.Draining {
		d.ledger.drain()
	}
	for _, kept := range e.Devices {
		if err := d.restoreDevice(kept, left); err != nil {
			d.settle() // stops timers
			return fmt.Errorf("take over device %v: %w", kept.UUID, err)
		}
	}
	if r := e.Resized; r != nil {
		if err := d.Resize(r.Memory, HeadRoom{Bytes: r.HeadRoom, Share: r.HeadRoomShare}); err != nil {
			d.log.Warn().Err(err).Msg("the donor lends what its configuration says: an earlier change while it ran does not hold any more")
		}
	}
	return nil
}

func (d *Donor) restoreDevice(kept keptDevice, left *legacy) error {
	shown, err := d.cfg.Identity.Recall(kept.Shown, control.RoleDevice)
	if err != nil {
		return err
	}
	dev := &device{
		deviceKey: deviceKey{kept.UUID, kept.Identity}, name: kept.Name, slabSize: int(kept.SlabSize), shown: shown,
		slabs: make(map[uint32]*slab), recovery: recovery{kept.Since, kept.Until},
		served: served{kept.Server, kept.Generation},
	}
	dev.op.Lock()
	defer dev.op.Unlock()
	now := time.Now()
	if err := d.restoreSession(dev, kept.Session, now); err != nil {
		return err
	}
	unclaimed := false
	since := now
	for _, s := range kept.Slabs {
		mem := left.slabs[s.Area.Offset]
		if mem == nil {
			return fmt.Errorf("%w: slab %d is not there", ErrSuccession, s.Index)
		}
		d.pool.adopt(mem)
		d.ledger.adopt(dev.identity, int64(len(mem)))
		sl := &slab{mem: mem, tick: d.ticks.Load()}
		if dev.session != nil && s.Key != 0 {
			sl.key, sl.server = d.restoreKey(dev.session, verbs.Key(s.Key), mem)
		}
		dev.slabs[s.Index] = sl
		unclaimed = unclaimed || sl.key == 0
		if dev.session == nil {
			since = s.Expires.Add(-d.cfg.Lease)
		}
	}
	d.mu.Lock()
	d.devices[dev.deviceKey] = dev
	d.mu.Unlock()
	if dev.session != nil && unclaimed {
		d.beginRecovery(dev, now)
	}
	d.hold(dev, since)
	return nil
}

// restoreSession makes the session of a device, suspended. op is held.
func (d *Donor) restoreSession(dev *device, kept *keptSession, now time.Time) error {
	if kept == nil {
		return nil
	}
	credential := verbs.Credential{Session: verbs.SessionID(kept.ID), Secret: kept.Secret, Owner: dev.identity}
	servers, err := d.transports.admit(credential)
	if err != nil {
		return err
	}
	ses := &session{
		credential: credential, servers: servers, since: kept.Began, grace: kept.Grace,
		control: control.Lost(control.Peer{Name: dev.identity, Address: kept.Address}), resumed: true, left: make(chan struct{}), cut: now,
	}
	close(ses.left)
	ses.timer = time.AfterFunc(ses.grace, func() { d.overdue(dev, ses) })
	dev.session = ses
	return nil
}

// restoreKey gives a slab the key that it had. Without a server that can, its device has to claim it.
func (d *Donor) restoreKey(ses *session, key verbs.Key, mem []byte) (verbs.Key, *server) {
	for _, s := range ses.servers {
		h, ok := s.Server.(heritable)
		if !ok {
			continue
		}
		err := h.Restore(ses.id(), key, mem)
		if err == nil {
			return key, s
		}
		d.log.Warn().Uint64("session", uint64(ses.id())).Err(err).Msg("a slab has to be claimed anew")
	}
	return 0, nil
}
