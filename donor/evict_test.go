package donor

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/verbs"
)

// TestShortage: prepared slabs go first, then the least active mapped ones, within
// two ticks.
func TestShortage(t *testing.T) {
	log := &logged{}
	d, h := lendOn(t, func(c *Config) { c.Ahead, c.Log = 2, zerolog.New(log) })
	b := borrow(t, d, dialConfig(control.NewUUID()), 6)
	b.activity = func(slab uint32) float64 { return float64(10 - slab) } // the last is the least active
	settle(d)
	eventually(t, "two are prepared", func() bool { return d.Status().Memory.Prepared == 2*slabSize })

	h.short(2 * slabSize)
	tick(d, 2)
	if m := d.Status().Memory; m.Prepared != 0 || m.Mapped != 6*slabSize || m.Returning != 0 {
		t.Fatalf("prepared slabs did not go first: %+v", m)
	}
	h.short(3 * slabSize)
	tick(d, 2)
	eventually(t, "three are back", mappedIs(d, 3))
	if got := b.wasAsked(); !slices.Equal(got, []uint32{3, 4, 5}) {
		t.Errorf("slabs %v were asked back", got)
	}
	eventually(t, "they are counted", func() bool { return d.Status().Evictions == 3 })
	st := d.Status()
	e := st.LastEviction
	if st.EvictedBytes != 3*slabSize || e.Device != "dev-1" || e.Why != "headroom" || e.Urgent || e.Forced || e.Leased ||
		e.Checking <= 0 || e.Choosing < e.Checking || e.Asking <= 0 || e.Returning <= 0 || e.Freeing <= 0 || st.Memory.Returning != 0 {
		t.Errorf("%+v, %+v, %+v", st, st.Memory, e)
	}
	if n := log.count("slabs evicted"); n != 1 { // in one tick, so it is one line
		t.Errorf("logged %d times: %s", n, log.text.String())
	}
	// The donor does not lend it again at once.
	wantNoMemory(t, b.s, 9)
	tick(d, 1)
	if got := b.wasAsked(); len(got) != 3 {
		t.Errorf("then %v were asked back", got)
	}
}

// TestRealShortage: far below the headroom the donor takes everything that lacks at once, in the
// second tick, and tells devices that it is urgent.
func TestRealShortage(t *testing.T) {
	d, h := lendOn(t, nil)
	b := borrow(t, d, dialConfig(control.NewUUID()), 12)
	settle(d)
	h.short(12 * slabSize)
	tick(d, 2)
	eventually(t, "all are back", mappedIs(d, 0))
	if b.counts().urgent == 0 || d.Status().State != status.DonorShort {
		t.Errorf("urgent %d times, donor %s", b.counts().urgent, d.Status().State)
	}
}

// TestShortageAndStall: a small shortage is a real one while tasks wait for memory.
func TestShortageAndStall(t *testing.T) {
	d, h := lendOn(t, nil)
	b := borrow(t, d, dialConfig(control.NewUUID()), 2)
	settle(d)
	h.short(slabSize)
	h.set(func() { h.stall = 0.5 })
	tick(d, 1)
	eventually(t, "one is back", mappedIs(d, 1))
	if st := d.Status(); b.counts().urgent != 1 || st.Memory.Stall != 0.5 {
		t.Errorf("urgent %d times, %+v", b.counts().urgent, st.Memory)
	}
}

// TestDeviceKeepsItsSlabs: a device that is late loses its session and the slabs that the donor
// asked back. The donor keeps the other slabs for it.
func TestDeviceKeepsItsSlabs(t *testing.T) {
	d, h := lendOn(t, nil)
	d.patience.calm = 50 * time.Millisecond
	uuid := control.NewUUID()
	b := borrow(t, d, dialConfig(uuid), 4)
	b.set(func() { b.keep = true })
	b.activity = func(slab uint32) float64 { return float64(slab) } // 0 goes
	settle(d)
	r := newReach(t)
	qp := r.connect(b.s)
	key := mapSlab(t, b.s, 9, false)
	h.short(slabSize)
	tick(d, 2)
	if st := d.Status(); st.Memory.Returning != slabSize {
		t.Errorf("%+v", st.Memory)
	}
	<-b.s.Done()
	if err := b.s.Err(); !errors.Is(err, control.ErrPeerClosed) || !strings.Contains(err.Error(), ErrOverdue.Error()) {
		t.Errorf("the session ended with %v", err)
	}
	eventually(t, "it is freed, the others are held", func() bool {
		st := d.Status()
		return st.Memory.Mapped == 4*slabSize && len(st.Leases) == 1 && st.Leases[0].Slabs == 4 && st.Evictions == 1
	})
	if st := r.do(qp, verbs.OpRead, key, 0); st == verbs.StatusOK {
		t.Error("a key outlived the session")
	}
	if e := d.Status().LastEviction; !e.Forced || e.Slabs != 1 || time.Duration(e.Returning) < d.patience.calm {
		t.Errorf("%+v", e)
	}
	s := dial(t, d, dialConfig(uuid))
	if held := s.Welcome().Held; !slices.Equal(held, []uint32{1, 2, 3, 9}) {
		t.Errorf("held %v", held)
	}
}

// TestUrgentIsSooner: in a real shortage the device has less time.
func TestUrgentIsSooner(t *testing.T) {
	d, h := lendOn(t, nil)
	d.patience = patience{activity: time.Hour, calm: time.Hour, urgent: 50 * time.Millisecond}
	b := borrow(t, d, dialConfig(control.NewUUID()), 2)
	b.set(func() { b.keep = true })
	settle(d)
	h.short(2 * slabSize)
	h.set(func() { h.stall = 1 })
	tick(d, 1)
	<-b.s.Done()
	eventually(t, "both are freed", mappedIs(d, 0))
}

// TestCalmQuestionBecomesUrgent: when a shortage becomes a real one before devices have returned
// their slabs, the donor tells them so and gives them less time.
func TestCalmQuestionBecomesUrgent(t *testing.T) {
	d, h := lendOn(t, nil)
	d.patience = patience{activity: time.Hour, calm: time.Hour, urgent: 50 * time.Millisecond}
	b := borrow(t, d, dialConfig(control.NewUUID()), 2)
	b.set(func() { b.keep = true })
	settle(d)
	h.short(2 * slabSize)
	tick(d, 2)
	eventually(t, "both are asked back", func() bool { return len(b.wasAsked()) == 2 })
	if n := b.counts().urgent; n != 0 {
		t.Fatalf("urgent %d times before there is need", n)
	}
	h.set(func() { h.stall = 1 })
	tick(d, 1)
	<-b.s.Done()
	eventually(t, "both are freed", mappedIs(d, 0))
	if e := d.Status().LastEviction; b.counts().urgent != 1 || !e.Urgent || !e.Forced {
		t.Errorf("urgent %d times, %+v", b.counts().urgent, e)
	}
}

// TestDeviceDoesNotKnowEvict: such a device loses its session at once.
func TestDeviceDoesNotKnowEvict(t *testing.T) {
	d, h := lendOn(t, nil)
	d.patience.calm = time.Hour
	s := dial(t, d, dialConfig(control.NewUUID()))
	mapSlab(t, s, 1, false)
	settle(d)
	h.short(slabSize)
	tick(d, 2)
	<-s.Done()
	if err := s.Err(); !strings.Contains(err.Error(), "not supported") {
		t.Errorf("the session ended with %v", err)
	}
	eventually(t, "the slab is freed", mappedIs(d, 0))
}

// TestDeviceRefusesAndUnmaps: the donor waits for the Unmap and not for the answer.
func TestDeviceRefusesAndUnmaps(t *testing.T) {
	d, h := lendOn(t, nil)
	b := borrow(t, d, dialConfig(control.NewUUID()), 1)
	b.set(func() { b.refuse = control.ErrBusy })
	settle(d)
	h.short(slabSize)
	tick(d, 2)
	eventually(t, "it was asked", func() bool { return d.Status().Memory.Returning == slabSize })
	if err := b.s.Unmap(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is counted", func() bool { return d.Status().Evictions == 1 })
	if b.s.Err() != nil || d.Status().LastEviction.Forced {
		t.Errorf("session %v, %+v", b.s.Err(), d.Status().LastEviction)
	}
}

// TestDeviceEndsWhileAsked: the donor does not keep slabs that it had asked back.
func TestDeviceEndsWhileAsked(t *testing.T) {
	d, h := lendOn(t, nil)
	b := borrow(t, d, dialConfig(control.NewUUID()), 2)
	b.set(func() { b.keep = true })
	settle(d)
	h.short(slabSize)
	tick(d, 2)
	eventually(t, "one was asked back", func() bool { return len(b.wasAsked()) == 1 })
	_ = b.s.Close()
	eventually(t, "that one is freed, the other held", func() bool {
		st := d.Status()
		return st.Memory.Mapped == slabSize && len(st.Leases) == 1 && st.Memory.Returning == 0 && st.Evictions == 1
	})
}

// TestSilentDeviceGoesLast: of two equally idle devices, the donor takes slabs of the one that
// tells its activity.
func TestSilentDeviceGoesLast(t *testing.T) {
	d, h := lendOn(t, nil)
	d.patience.activity = 50 * time.Millisecond
	silent := borrow(t, d, dialConfig(control.NewUUID()), 3)
	silent.set(func() { silent.mute = true })
	answers := borrow(t, d, dialConfig(control.NewUUID()), 3)
	answers.activity = func(uint32) float64 { return 1e6 }
	settle(d)
	h.short(3 * slabSize)
	tick(d, 2)
	eventually(t, "three are back", mappedIs(d, 3))
	if a, b := answers.wasAsked(), silent.wasAsked(); len(a) != 3 || len(b) != 0 {
		t.Errorf("asked back %v, from the silent %v", a, b)
	}
}

// TestExtraBoundsTheQuestions: the donor asks for the activity of E + E′ slabs, however many
// there are.
func TestExtraBoundsTheQuestions(t *testing.T) {
	d, h := lendOn(t, func(c *Config) { c.Extra = 3 })
	b := borrow(t, d, dialConfig(control.NewUUID()), 12)
	settle(d)
	h.short(2 * slabSize)
	tick(d, 2)
	eventually(t, "two are back", mappedIs(d, 10))
	if n := b.counts().checks; n != 5 {
		t.Errorf("the activity of %d slabs was asked", n)
	}
}

// TestLeasesGoFirst: the donor frees slabs of lost devices first, and the oldest lease first.
func TestLeasesGoFirst(t *testing.T) {
	d, h := lendOn(t, nil)
	here := borrow(t, d, dialConfig(control.NewUUID()), 2)
	var lost [2]control.UUID
	for i := range lost {
		lost[i] = control.NewUUID()
		s := dial(t, d, dialConfig(lost[i]))
		mapSlab(t, s, 1, false)
		_ = s.Close()
		eventually(t, "it is held", func() bool { return len(d.Status().Leases) == i+1 })
	}
	settle(d)
	h.short(slabSize)
	tick(d, 2)
	st := d.Status()
	if st.Memory.Mapped != 3*slabSize || len(st.Leases) != 1 || st.Leases[0].UUID != lost[1].String() {
		t.Errorf("%+v, leases %+v", st.Memory, st.Leases)
	}
	if e := st.LastEviction; !e.Leased || e.UUID != lost[0].String() || e.Freeing <= 0 || len(here.wasAsked()) != 0 {
		t.Errorf("%+v; %v asked back", e, here.wasAsked())
	}
	h.short(2 * slabSize)
	tick(d, 2)
	eventually(t, "the other and one of the present device are back", mappedIs(d, 1))
}

// TestStaleAnnouncements: the donor announces room for three slabs to many devices. Together they
// can map three and no more, and none once memory is short.
func TestStaleAnnouncements(t *testing.T) {
	d, h := lendOn(t, nil)
	const slack = testHeadRoom / 8
	h.set(func() { h.left = testHeadRoom + slack + 3*slabSize })
	tick(d, 1)
	var sessions []*control.Session
	for range 8 {
		s := dial(t, d, dialConfig(control.NewUUID()))
		if m, err := s.QueryMem(t.Context()); err != nil || m.Free != 3*slabSize || m.Total != 16*slabSize {
			t.Fatalf("%+v, %v", m, err)
		}
		sessions = append(sessions, s)
	}
	var mapped atomic.Int32
	var all sync.WaitGroup
	for _, s := range sessions {
		all.Go(func() {
			_, err := s.Map(t.Context(), 0, slabSize, false, "")
			switch {
			case err == nil:
				mapped.Add(1)
			case !errors.Is(err, control.ErrNoMemory) || !strings.Contains(err.Error(), "needs its memory itself"):
				t.Error(err)
			}
		})
	}
	all.Wait()
	if mapped.Load() != 3 || d.Status().Memory.Mapped != 3*slabSize {
		t.Errorf("%d mapped, %+v", mapped.Load(), d.Status().Memory)
	}
	if m, err := sessions[0].QueryMem(t.Context()); err != nil || m.Free != 0 {
		t.Errorf("%+v, %v", m, err)
	}
}

// TestMemoryCannotBeTold: while the donor cannot read the available memory, it prepares nothing,
// asks nothing back, and logs that once.
func TestMemoryCannotBeTold(t *testing.T) {
	log := &logged{}
	d, h := lendOn(t, func(c *Config) { c.Ahead, c.Log = 1, zerolog.New(log) })
	b := borrow(t, d, dialConfig(control.NewUUID()), 1)
	h.set(func() { h.fail = unix.EIO })
	tick(d, 3)
	mapSlab(t, b.s, 1, false)
	h.set(func() { h.fail = nil })
	tick(d, 1)
	if log.count("cannot read the available memory") != 1 || log.count("can read the available memory again") != 1 || len(b.wasAsked()) != 0 {
		t.Errorf("%s; %v asked back", log.text.String(), b.wasAsked())
	}
}

// TestMemoryGoesBackToTheKernel measures the locked memory of the process and the resident memory
// of the slabs, in addition to the donor's own count.
func TestMemoryGoesBackToTheKernel(t *testing.T) {
	const slabs = 4
	before := lockedBytes(t)
	d, h := lendOn(t, func(c *Config) { c.Unlocked, c.Memory, c.Ahead = false, (slabs+1)*slabSize, 1 })
	uuid := control.NewUUID()
	b := borrow(t, d, dialConfig(uuid), slabs)
	settle(d)
	eventually(t, "one is prepared", func() bool { return d.Status().Memory.Prepared == slabSize })
	var mem [][]byte
	d.mu.Lock()
	for _, s := range d.devices[deviceKey{uuid: uuid}].slabs {
		mem = append(mem, s.mem)
	}
	d.mu.Unlock()
	d.pool.mu.Lock()
	for _, r := range d.pool.ready {
		mem = append(mem, r.mem)
	}
	d.pool.mu.Unlock()
	if got := lockedBytes(t) - before; got < (slabs+1)*slabSize {
		t.Errorf("%d bytes are locked", got)
	}
	for _, m := range mem {
		if n := residentBytes(m); n != slabSize {
			t.Errorf("%d bytes of a slab are resident", n)
		}
	}
	h.short((slabs + 1) * slabSize)
	h.set(func() { h.stall = 1 })
	tick(d, 1)
	eventually(t, "all are back", mappedIs(d, 0))
	eventually(t, "nothing is asked back any more", func() bool { return d.Status().Memory.Returning == 0 })
	if got := lockedBytes(t) - before; got != 0 {
		t.Errorf("%d bytes are still locked", got)
	}
	for _, m := range mem {
		if n := residentBytes(m); n != -1 {
			t.Errorf("a slab is still mapped, %d bytes of it resident", n)
		}
	}
	if b.s.Err() != nil {
		t.Error(b.s.Err())
	}
}
