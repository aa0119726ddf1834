package slabmap

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

// perSlab is how many pages of each slab take part in the concurrent history.
const perSlab = 3

// lent is a donor's memory for one life of one slab. Content is a version
// number, and its checksum the version itself: a page read is right if it is
// what its view says.
type lent struct {
	freed atomic.Bool // the donor uses it for something else
	pages [perSlab]atomic.Uint64
}

// spoil overwrites the memory: the donor is lost, or has taken it back.
func (l *lent) spoil() {
	for i := range l.pages {
		l.pages[i].Store(1 << 40)
	}
}

// cluster is a device with its donors, played by goroutines.
type cluster struct {
	t       *testing.T
	m       *Map
	pages   []int64
	version atomic.Uint64
	donors  [1 << 16]atomic.Pointer[lent]
	donor   atomic.Uint32
	moving  []sync.Mutex // by slab: one goroutine moves it
	backing []atomic.Uint64
	acked   []atomic.Uint64 // the newest version acknowledged to the kernel
	sealed  []atomic.Uint64 // the last counter that a write has sealed under
	seen    struct{ remote, backing, pending, zeros, retried, wraps, moved, old, aborted atomic.Int64 }
}

func newCluster(t *testing.T) *cluster {
	c := &cluster{t: t}
	g := Geometry{Size: 3 * MinSlabSize, SlabSize: MinSlabSize, Sealed: true}
	c.m, _ = newMap(t, g)
	for i := range g.Slabs() {
		first, _ := g.PageRange(i)
		for p := range int64(perSlab) {
			c.pages = append(c.pages, first+p)
		}
		c.m.slabs[i].word.Store(uint64(packSlab(Unmapped, 0, maxTag-8)))
	}
	c.moving = make([]sync.Mutex, g.Slabs())
	c.backing = make([]atomic.Uint64, len(c.pages))
	c.acked = make([]atomic.Uint64, len(c.pages))
	c.sealed = make([]atomic.Uint64, len(c.pages))
	return c
}

// write is the data path of a write, remote first.
func (c *cluster) write(i int) {
	page, slab := c.pages[i], i/perSlab
	if !c.m.BeginWrite(page) {
		return
	}
	version := c.version.Add(1)
	done := Written{CRC: uint32(version), Seal: c.seal(i, version), Backing: true}
	s, remote := c.m.Acquire(slab)
	if remote {
		done.Backing, done.Remote, done.Epoch, done.Pending = false, true, s.Epoch, true
		mem := c.donors[s.Donor].Load()
		mem.pages[i%perSlab].Store(version)
		runtime.Gosched()
		if mem.freed.Load() {
			c.t.Errorf("slab %d, epoch %#x: written after it was given back", slab, s.Epoch)
		}
	} else {
		c.backing[i].Store(version)
	}
	c.m.EndWrite(page, done)
	for old := c.acked[i].Load(); old < version && !c.acked[i].CompareAndSwap(old, version); {
		old = c.acked[i].Load()
	}
	if remote {
		c.m.Done(slab, s.Epoch)
		runtime.Gosched()
		c.backing[i].Store(version)
		c.m.EndPending(page, true)
	}
}

// seal makes the Seal of a version. The caller has claimed the page.
func (c *cluster) seal(i int, version uint64) Seal {
	counter, ok := c.m.NextCounter(c.pages[i])
	if last := c.sealed[i].Swap(counter); !ok || counter <= last {
		c.t.Errorf("page %d: counter %d after %d, %t", c.pages[i], counter, last, ok)
	}
	var tag [SealTagSize]byte
	binary.BigEndian.PutUint64(tag[SealTagSize-8:], version)
	tag[0] = byte(version)
	return NewSeal(counter, tag)
}

// opens reports whether a view has the Seal of the version that it is of.
func opens(v View) bool {
	tag := v.Seal.Tag()
	return v.Writing || v.Zeros() ||
		tag[0] == byte(v.CRC) && binary.BigEndian.Uint64(tag[SealTagSize-8:]) == uint64(v.CRC)
}

// read is the data path of a read.
func (c *cluster) read(i int) {
	page, slab := c.pages[i], i/perSlab
	floor := c.acked[i].Load()
	s, counted := c.m.AcquireRead(slab)
	if counted {
		defer c.m.Done(slab, s.Epoch)
	}
	if old, ok := c.m.AcquireOld(slab); ok {
		defer c.m.Done(slab, old.Epoch)
		if c.m.Look(page).Old {
			s = old
			c.seen.old.Add(1)
		}
	}
	v := c.m.Look(page)
	if !opens(v) {
		c.t.Errorf("page %d: version %d with the seal %x of another", page, v.CRC, v.Seal.Tag())
	}
	var got uint64
	switch {
	case v.Place&Remote != 0 && counted && s.Epoch == v.RemoteEpoch():
		mem := c.donors[s.Donor].Load()
		got = mem.pages[i%perSlab].Load()
		if mem.freed.Load() {
			c.t.Errorf("slab %d, epoch %#x: read after it was given back", slab, s.Epoch)
		}
		c.seen.remote.Add(1)
	case v.Place&Backing != 0:
		got = c.backing[i].Load()
		c.seen.backing.Add(1)
	case v.Pending || v.Place&Remote != 0:
		c.seen.pending.Add(1)
		return // a server would park
	case v.Lost:
		c.t.Errorf("page %d is lost", page)
		return
	default:
		c.seen.zeros.Add(1)
	}
	switch {
	case got != uint64(v.CRC):
		if c.m.Same(page, v) {
			c.t.Errorf("page %d: content %d under checksum %d, and nothing has happened to it: %+v", page, got, v.CRC, v)
		}
		c.seen.retried.Add(1)
	case got < floor:
		c.t.Errorf("page %d: read version %d after %d was acknowledged", page, got, floor)
	}
}

// manage takes slabs through their lives, with others at the same slab.
func (c *cluster) manage(rng *rand.Rand, slab int) {
	s := c.m.Slab(slab)
	mem := c.donors[s.Donor].Load()
	var err error
	switch {
	case s.State == Unmapped:
		var epoch uint64
		if epoch, err = c.m.BeginMap(slab); err != nil {
			break
		}
		if epoch&maxTag == 1 {
			c.seen.wraps.Add(1)
		}
		fresh := &lent{}
		fresh.spoil()
		donor := uint16(c.donor.Add(1))
		c.donors[donor].Store(fresh)
		if rng.IntN(4) == 0 {
			err = c.m.AbortMap(slab, epoch)
		} else {
			err = c.m.CompleteMap(slab, epoch, donor)
		}
		if err != nil {
			c.t.Error(err)
		}
	case s.State == Mapped && rng.IntN(2) == 0:
		c.move(rng, slab, s)
	case s.State == Mapped && rng.IntN(2) == 0:
		err = c.m.BeginDrain(slab, s.Epoch)
	case s.State == Migrating && rng.IntN(3) == 0: // the new donor is lost
		if _, err = c.m.AbortMove(slab, s.Epoch, s.Donor); err == nil {
			c.seen.aborted.Add(1)
			mem.spoil()
		}
	case s.State == Mapped, (s.State == Draining || s.State == Migrating) && rng.IntN(3) == 0:
		if _, err = c.m.Fail(slab, s.Epoch); err == nil {
			mem.spoil()
		}
	case s.State == Draining:
		if err = c.m.EndDrain(slab, s.Epoch); err == nil {
			mem.freed.Store(true)
			mem.spoil()
		}
	case s.State == Failed:
		if err = c.m.Release(slab, s.Epoch); err == nil {
			mem.freed.Store(true)
		}
	}
	if err != nil && !errors.Is(err, ErrTransition) && !errors.Is(err, ErrBusy) {
		c.t.Error(err)
	}
}

// move is the mover: it takes a slab to a new donor, while others write, read and
// lose it. Now and then the old donor is lost meanwhile.
func (c *cluster) move(rng *rand.Rand, slab int, s Slab) {
	if !c.moving[slab].TryLock() {
		return
	}
	defer c.moving[slab].Unlock()
	from, to := c.donors[s.Donor].Load(), &lent{}
	to.spoil()
	donor := uint16(c.donor.Add(1))
	c.donors[donor].Store(to)
	epoch, err := c.m.BeginMove(slab, s.Epoch, donor)
	if err != nil {
		if !errors.Is(err, ErrTransition) && !errors.Is(err, ErrBusy) {
			c.t.Error(err)
		}
		return
	}
	lost := rng.IntN(4) == 0
	for {
		drained, left := c.m.InFlightUnder(slab, s.Epoch) == 0, 0
		for i := slab * perSlab; i < (slab+1)*perSlab; i++ {
			if !c.copy(i, epoch, from, to) {
				left++
			}
		}
		if drained && left == 0 || lost {
			if c.m.EndMove(slab, epoch) == nil {
				c.seen.moved.Add(1)
			}
			break
		}
		if now := c.m.Slab(slab); now.Epoch != epoch {
			break // failed, or back
		}
		runtime.Gosched()
	}
	if now := c.m.Slab(slab); now.Epoch == s.Epoch { // back at the old donor
		for c.m.InFlightUnder(slab, epoch) > 0 {
			runtime.Gosched()
		}
		to.freed.Store(true)
		return
	}
	if lost {
		from.spoil()
	}
	for c.m.InFlightUnder(slab, s.Epoch) > 0 {
		runtime.Gosched()
	}
	from.freed.Store(true)
	from.spoil()
}

// copy moves one page, and says whether it is at the old donor no more.
func (c *cluster) copy(i int, epoch uint64, from, to *lent) bool {
	page, slab := c.pages[i], i/perSlab
	if !c.m.Look(page).Old {
		return true
	}
	if !c.m.BeginWrite(page) {
		return false
	}
	v := c.m.Look(page)
	s, counted := c.m.AcquireOld(slab)
	if !v.Old || !counted {
		if counted {
			c.m.Done(slab, s.Epoch)
		}
		c.m.AbortWrite(page)
		return false
	}
	to.pages[i%perSlab].Store(from.pages[i%perSlab].Load())
	moved := c.m.EndCopy(page, epoch)
	c.m.Done(slab, s.Epoch)
	return moved
}

func TestConcurrentHistory(t *testing.T) {
	c := newCluster(t)
	rounds := 100000
	if testing.Short() {
		rounds = 30000
	}
	var workers sync.WaitGroup
	for id := range 8 {
		rng := rand.New(rand.NewPCG(uint64(id), 1))
		workers.Go(func() {
			for range rounds {
				i := rng.IntN(len(c.pages))
				switch {
				case id < 3:
					c.write(i)
				case id < 6:
					c.read(i)
				case rng.IntN(8) == 0:
					c.manage(rng, i/perSlab)
				}
				c.m.Touch(i/perSlab, 1)
				if rng.IntN(16) == 0 {
					runtime.Gosched()
				}
			}
		})
	}
	workers.Go(func() {
		var hot []int
		for range 100 {
			c.m.Tick(1)
			hot = c.m.HotSlabs(HotSlab, hot)
			if n := c.m.Count(); n.Lost != 0 {
				t.Errorf("lost pages: %+v", n)
			}
			runtime.Gosched()
		}
	})
	workers.Wait()
	for i := range c.m.slabs {
		if n := c.m.InFlight(i); n != 0 {
			t.Errorf("slab %d: %d operations left in flight", i, n)
		}
	}
	for i := range c.pages {
		c.read(i)
	}
	for name, n := range map[string]*atomic.Int64{
		"remote": &c.seen.remote, "backing": &c.seen.backing, "wraps": &c.seen.wraps,
		"old": &c.seen.old, "moved": &c.seen.moved, "aborted": &c.seen.aborted,
	} {
		if n.Load() == 0 {
			t.Errorf("the history never saw: %s", name)
		}
	}
	t.Logf("remote %d, backing %d, pending %d, zeros %d, retried %d, wraps %d, donors %d, moved %d, old %d, aborted %d",
		c.seen.remote.Load(), c.seen.backing.Load(), c.seen.pending.Load(), c.seen.zeros.Load(),
		c.seen.retried.Load(), c.seen.wraps.Load(), c.donor.Load(), c.seen.moved.Load(), c.seen.old.Load(), c.seen.aborted.Load())
}
