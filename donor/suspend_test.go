package donor

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/internal/proxytest"
	"github.com/farswap/farswap/verbs"
)

// patient is a device that asks for a grace time.
func patient(uuid control.UUID, grace time.Duration) control.DialConfig {
	cfg := dialConfig(uuid)
	cfg.Grace = grace
	return cfg
}

// dialThrough opens a session through a proxy.
func dialThrough(t *testing.T, d *Donor, cfg control.DialConfig) (*control.Session, *proxytest.Proxy) {
	t.Helper()
	p := proxytest.Start(t, d.Addr())
	s, err := control.Dial(t.Context(), p.Addr(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s, p
}

// isCut reports whether the donor has a session whose connection has ended.
func isCut(d *Donor, uuid control.UUID) func() bool { return isCutOf(d, deviceKey{uuid: uuid}) }

func isCutOf(d *Donor, key deviceKey) func() bool {
	return func() bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		dev := d.devices[key]
		return dev != nil && dev.session != nil && !dev.session.cut.IsZero()
	}
}

// TestSessionSurvivesItsConnection: slabs, keys and data connections stay, also while there is no
// control connection.
func TestSessionSurvivesItsConnection(t *testing.T) {
	d := lend(t, testConfig())
	uuid := control.NewUUID()
	s, p := dialThrough(t, d, patient(uuid, time.Hour))
	key := mapSlab(t, s, 3, false)
	r := newReach(t)
	qp := r.connect(s)
	if st := r.write(qp, key, 4096, 0x5a); st != verbs.StatusOK {
		t.Fatal(st)
	}
	for i := range 3 { // resume it twice, and more
		p.Cut()
		<-s.Cut()
		if i > 0 { // the first resumes before the donor has seen the end
			eventually(t, "the session is suspended", isCut(d, uuid))
		}
		r.wantPage(qp, key, 4096, 0x5a)
		if err := s.Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
		r.wantPage(qp, key, 4096, 0x5a)
		r.wantPage(r.connect(s), key, 4096, 0x5a)
	}
	mapSlab(t, s, 4, false)
	if st := d.Status(); len(st.Sessions) != 1 || st.Sessions[0].Slabs != 2 || len(st.Leases) != 0 {
		t.Errorf("status %+v", st)
	}
	if err := s.UnmapKey(t.Context(), 3, uint64(key)); err != nil {
		t.Error(err)
	}
}

// TestGraceEnds: without the device the session ends, its keys are revoked, and the lease runs.
func TestGraceEnds(t *testing.T) {
	d := lend(t, testConfig())
	uuid := control.NewUUID()
	s, p := dialThrough(t, d, patient(uuid, 20*time.Millisecond))
	key := mapSlab(t, s, 3, false)
	r := newReach(t)
	qp := r.connect(s)
	p.Cut()
	eventually(t, "the slab is under lease", func() bool { return len(d.Status().Leases) == 1 })
	if st := r.do(qp, verbs.OpRead, key, 0); st == verbs.StatusOK {
		t.Error("the key outlived its session")
	}
	<-s.Cut()
	if err := s.Resume(t.Context()); !errors.Is(err, control.ErrNoSession) {
		t.Errorf("resume of a session that has ended: %v", err)
	}
	if held := dial(t, d, patient(uuid, 0)).Welcome().Held; !slices.Equal(held, []uint32{3}) {
		t.Errorf("held %v", held)
	}
}

// TestGraceIsBoundByTheLease: the lease counts from when the device was last there.
func TestGraceIsBoundByTheLease(t *testing.T) {
	cfg := testConfig()
	cfg.Lease = 50 * time.Millisecond
	d := lend(t, cfg)
	d.takeover = cfg.Lease
	s, p := dialThrough(t, d, patient(control.NewUUID(), time.Hour))
	if s.Grace() != cfg.Lease {
		t.Errorf("granted %v", s.Grace())
	}
	mapSlab(t, s, 3, false)
	p.Cut()
	eventually(t, "the memory is free", func() bool { return d.Status().Memory.Mapped == 0 })
}

// TestGoodbyeIsNoStall: a device that ends its session gets no grace time.
func TestGoodbyeIsNoStall(t *testing.T) {
	d := lend(t, testConfig())
	s := dial(t, d, patient(control.NewUUID(), time.Hour))
	mapSlab(t, s, 1, false)
	_ = s.Close()
	eventually(t, "the slab is under lease", func() bool { return len(d.Status().Leases) == 1 })
}

// TestOnlyItsOwnerResumes: neither another identity nor another device resumes a session, and a wrong
// number resumes none. None of them ends it.
func TestOnlyItsOwnerResumes(t *testing.T) {
	identity := authority(t)
	cfg := testConfig()
	cfg.Insecure, cfg.Identity = false, identity("donor-1")
	d := lend(t, cfg)
	as := func(uuid control.UUID, name string) control.DialConfig {
		c := patient(uuid, time.Hour)
		c.Insecure, c.Identity = false, identity(name)
		return c
	}
	mine := control.NewUUID()
	s, p := dialThrough(t, d, as(mine, "mine"))
	key := mapSlab(t, s, 1, false)
	r := newReach(t)
	qp := r.connect(s)
	number := s.Welcome().Session
	for _, name := range []string{"theirs", "mine"} {
		other, way := dialThrough(t, d, as(control.NewUUID(), name))
		way.Cut()
		<-other.Cut()
		other.Welcome().Session = number
		for _, cut := range []bool{false, true} {
			if cut {
				p.Cut()
				<-s.Cut()
				eventually(t, "the session is suspended", isCutOf(d, deviceKey{mine, "mine"}))
			}
			if err := other.Resume(t.Context()); !errors.Is(err, control.ErrNoSession) {
				t.Errorf("another device of %s, suspended %v: %v", name, cut, err)
			}
			thief, err := control.Dial(t.Context(), d.Addr(), as(mine, "theirs"))
			if err != nil {
				t.Fatal(err)
			}
			thief.Welcome().Session = number
			if err := thief.Resume(t.Context()); !errors.Is(err, control.ErrNoSession) {
				t.Errorf("another identity with the UUID, suspended %v: %v", cut, err)
			}
			_ = thief.Close()
			r.wantPage(qp, key, 0, 0)
		}
		s.Welcome().Session = number + 100
		if err := s.Resume(t.Context()); !errors.Is(err, control.ErrNoSession) {
			t.Errorf("wrong number: %v", err)
		}
		s.Welcome().Session = number
		if err := s.Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
		r.wantPage(qp, key, 0, 0)
	}
}

// TestNewSessionEndsASuspendedOne: a device that begins anew has nothing of before.
func TestNewSessionEndsASuspendedOne(t *testing.T) {
	d := lend(t, testConfig())
	uuid := control.NewUUID()
	s, p := dialThrough(t, d, patient(uuid, time.Hour))
	key := mapSlab(t, s, 1, false)
	r := newReach(t)
	qp := r.connect(s)
	p.Cut()
	<-s.Cut()
	eventually(t, "the session is suspended", isCut(d, uuid))
	again := dial(t, d, patient(uuid, time.Hour))
	if held := again.Welcome().Held; !slices.Equal(held, []uint32{1}) {
		t.Errorf("held %v", held)
	}
	if st := r.do(qp, verbs.OpRead, key, 0); st == verbs.StatusOK {
		t.Error("the key outlived its session")
	}
	if err := s.Resume(t.Context()); !errors.Is(err, control.ErrNoSession) {
		t.Errorf("resume of the session before: %v", err)
	}
	if again.Err() != nil {
		t.Errorf("the late resume ended the new session: %v", again.Err())
	}
}

// TestRestartKnowsNoSession: another process at the same address has nothing of the first.
func TestRestartKnowsNoSession(t *testing.T) {
	d := lend(t, testConfig())
	s, p := dialThrough(t, d, patient(control.NewUUID(), time.Hour))
	cfg := testConfig()
	cfg.Listen, cfg.DataListen = d.Addr(), "127.0.0.1:0"
	p.Cut() // as a process that is killed does it: without a goodbye
	<-s.Cut()
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Resume(t.Context()); err == nil {
		t.Error("resumed at nobody's")
	}
	lend(t, cfg)
	if err := s.Resume(t.Context()); !errors.Is(err, control.ErrNoSession) {
		t.Errorf("resume after a restart: %v", err)
	}
}

// TestSuspendedDeviceIsAskedAgain: it gives slabs back when it is there again.
func TestSuspendedDeviceIsAskedAgain(t *testing.T) {
	d := lend(t, testConfig())
	b := &borrower{t: t, opened: make(chan struct{}), activity: func(uint32) float64 { return 0 }}
	cfg := patient(control.NewUUID(), time.Hour)
	cfg.Handler = b
	var p *proxytest.Proxy
	b.s, p = dialThrough(t, d, cfg)
	close(b.opened)
	t.Cleanup(b.unmaps.Wait)
	for i := range uint32(3) {
		mapSlab(t, b.s, i, false)
	}
	settle(d)
	p.Cut()
	<-b.s.Cut()
	eventually(t, "the session is suspended", isCut(d, cfg.Device))
	d.Drain()
	eventually(t, "the slabs are asked back", func() bool { return d.Status().Memory.Returning == 3*slabSize })
	if err := b.s.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-b.s.Done() // drained
	if st := d.Status(); st.LastEviction == nil || st.LastEviction.Forced || st.Evictions != 3 {
		t.Errorf("status %+v", st)
	}
}

// TestShortageEndsASuspendedSession: a donor that needs its memory does not wait for a device that is
// not there.
func TestShortageEndsASuspendedSession(t *testing.T) {
	d, h := lendOn(t, nil)
	d.patience = patience{activity: time.Millisecond, calm: time.Hour, urgent: 20 * time.Millisecond}
	uuid := control.NewUUID()
	s, p := dialThrough(t, d, patient(uuid, time.Hour))
	for i := range uint32(12) {
		mapSlab(t, s, i, false)
	}
	settle(d)
	p.Cut()
	<-s.Cut()
	eventually(t, "the session is suspended", isCut(d, uuid))
	h.short(12 * slabSize)
	tick(d, 2)
	eventually(t, "all are back", mappedIs(d, 0))
	if err := s.Resume(t.Context()); !errors.Is(err, control.ErrNoSession) {
		t.Errorf("resume: %v", err)
	}
}

// TestDataIsLife: a device whose control connection is silent, and whose data flows, keeps its session,
// with that connection and, once it is broken, without it.
func TestDataIsLife(t *testing.T) {
	cfg := testConfig()
	cfg.Timing = control.Timing{Ping: 50 * time.Millisecond, Missed: 4}
	d := lend(t, cfg)
	uuid := control.NewUUID()
	grace := 300 * time.Millisecond
	s, p := dialThrough(t, d, patient(uuid, grace))
	key := mapSlab(t, s, 1, false)
	r := newReach(t)
	qp := r.connect(s)
	p.Hold()
	for begun := time.Now(); time.Since(begun) < time.Second; {
		r.wantPage(qp, key, 0, 0)
		if isCut(d, uuid)() {
			t.Fatal("the device is given up while its data flows")
		}
	}
	p.Cut()
	eventually(t, "the session is suspended", isCut(d, uuid))
	for begun := time.Now(); time.Since(begun) < 3*grace; {
		r.wantPage(qp, key, 0, 0)
	}
	eventually(t, "without data it ends", func() bool { return len(d.Status().Leases) == 1 })
}
