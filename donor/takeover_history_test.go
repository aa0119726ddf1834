package donor

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/internal/proxytest"
	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/verbs"
)

// modelDevice is what the donor should have of a device.
type modelDevice struct {
	uuid    control.UUID
	slabs   map[uint32]byte // what their first page is filled with
	keys    map[uint32]verbs.Key
	session *control.Session // nil: it has ended
	line    *proxytest.Proxy
	qp      verbs.QP
	cut     bool // the session is suspended
	left    bool // with a goodbye, so that shortages may take its slabs
}

// takeovers is a random history of devices whose servers die, are replaced, stall and leave, on a donor that
// is short of memory now and then.
type takeovers struct {
	*testing.T
	rnd     *rand.Rand
	donor   *Donor
	host    *host
	reach   *reach
	devices []*modelDevice
}

// TestHistoriesOfTakeovers compares what the donor has with a model after each step.
func TestHistoriesOfTakeovers(t *testing.T) {
	for seed := range uint64(6) {
		d, h := lendOn(t, func(c *Config) { c.Memory = 64 * slabSize })
		d.takeover = time.Hour
		d.patience = patience{activity: time.Millisecond, calm: time.Hour, urgent: time.Hour}
		v := &takeovers{T: t, rnd: rand.New(rand.NewPCG(seed, 18)), donor: d, host: h, reach: newReach(t)}
		for range 3 {
			v.devices = append(v.devices, &modelDevice{uuid: control.NewUUID(), slabs: make(map[uint32]byte), keys: make(map[uint32]verbs.Key)})
		}
		for n := range 150 {
			v.step()
			if t.Failed() {
				t.Fatalf("seed %d, step %d", seed, n)
			}
		}
	}
}

func (v *takeovers) step() {
	dev := v.devices[v.rnd.IntN(len(v.devices))]
	switch n := v.rnd.IntN(100); {
	case n < 8, dev.session == nil && n < 60:
		v.open(dev)
	case n < 12:
		v.shortage()
	case dev.session == nil:
	case dev.cut && n < 70:
		v.resume(dev)
	case n < 20:
		v.cutOff(dev)
	case n < 24:
		v.leave(dev)
	default:
		v.work(dev)
	}
	want := 0
	for _, one := range v.devices {
		want += len(one.slabs)
	}
	if got := v.donor.Status().Memory.Mapped; got != int64(want)*slabSize {
		v.Errorf("%d slabs are lent, want %d", got/slabSize, want)
	}
}

// open opens another session, whether there is one or not: a new server takes the device over.
func (v *takeovers) open(dev *modelDevice) {
	old := dev.session
	dev.session, dev.line = dialThrough(v.T, v.donor, patient(dev.uuid, time.Hour))
	if old != nil {
		_ = old.Close()
	}
	held, want := dev.session.Welcome().Held, slices.Sorted(maps.Keys(dev.slabs))
	if !slices.Equal(held, want) {
		v.Errorf("held %v, want %v", held, want)
	}
	for i, key := range dev.keys {
		if st := v.reach.do(dev.qp, verbs.OpWrite, key, 0); st == verbs.StatusOK {
			v.Errorf("slab %d: a write of the session before was carried out", i)
		}
	}
	clear(dev.keys)
	dev.qp = v.reach.connect(dev.session)
	dev.cut, dev.left = false, false
}

func (v *takeovers) resume(dev *modelDevice) {
	if err := dev.session.Resume(v.Context()); err != nil {
		v.Errorf("resume: %v", err)
	}
	dev.cut = false
}

func (v *takeovers) cutOff(dev *modelDevice) {
	dev.line.Cut()
	<-dev.session.Cut()
	eventually(v.T, "the session is suspended", isCut(v.donor, dev.uuid))
	dev.cut = true
}

// leave ends the session with a goodbye.
func (v *takeovers) leave(dev *modelDevice) {
	_ = dev.session.Close()
	dev.session, dev.left = nil, true
	eventually(v.T, "the session has ended", func() bool {
		return !slices.ContainsFunc(v.donor.Status().Sessions, func(s status.DonorSession) bool { return s.UUID == dev.uuid.String() })
	})
	clear(dev.keys)
}

// shortage takes some of the slabs of devices that have left, and none of the others.
func (v *takeovers) shortage() {
	leases := 0
	for _, dev := range v.devices {
		if dev.left {
			leases += len(dev.slabs)
		}
	}
	if leases == 0 {
		return
	}
	v.host.short(int64(1+v.rnd.IntN(leases)) * slabSize)
	tick(v.donor, 2)
	v.host.set(func() { v.host.left = hostTotal / 2 })
	eventually(v.T, "memory is there again", func() bool { tick(v.donor, 1); return v.donor.ledger.room() >= 8*slabSize })
	v.donor.mu.Lock()
	defer v.donor.mu.Unlock()
	for _, dev := range v.devices {
		var there map[uint32]*slab
		if real := v.donor.devices[deviceKey{uuid: dev.uuid}]; real != nil {
			there = real.slabs
		}
		for i := range dev.slabs {
			switch {
			case there[i] != nil:
			case dev.left:
				delete(dev.slabs, i)
			default:
				v.Errorf("slab %d of a device that has not left is gone", i)
			}
		}
	}
}

// work maps, claims, unmaps, writes or reads a slab.
func (v *takeovers) work(dev *modelDevice) {
	i := uint32(v.rnd.IntN(6))
	b, known := dev.slabs[i]
	key, mapped := dev.keys[i]
	switch {
	case !mapped && dev.cut: // there is nobody to ask
	case !known:
		dev.keys[i] = mapSlab(v.T, dev.session, i, false)
		dev.slabs[i] = 0
	case !dev.cut && v.rnd.IntN(5) == 0:
		if err := dev.session.UnmapKey(v.Context(), i, uint64(key)); err != nil {
			v.Errorf("unmap: %v", err)
		}
		delete(dev.slabs, i)
		delete(dev.keys, i)
	case !mapped:
		dev.keys[i] = mapSlab(v.T, dev.session, i, true)
		v.reach.wantPage(dev.qp, dev.keys[i], 0, b)
	case v.rnd.IntN(2) == 0:
		b = byte(v.rnd.IntN(256))
		if st := v.reach.write(dev.qp, key, 0, b); st != verbs.StatusOK {
			v.Errorf("write: %v", st)
		}
		dev.slabs[i] = b
	default:
		v.reach.wantPage(dev.qp, key, 0, b)
	}
}
