package donor

import (
	"errors"
	"testing"
	"time"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/verbs"
)

func TestLendAndTakeBack(t *testing.T) {
	d := lend(t, testConfig())
	s := dial(t, d, dialConfig(control.NewUUID()))
	if n := len(s.Welcome().Held); n != 0 {
		t.Errorf("a new device holds %d slabs", n)
	}
	key := mapSlab(t, s, 7, false)
	r := newReach(t)
	qp := r.connect(s)
	r.wantPage(qp, key, slabSize-4096, 0)
	if st := r.write(qp, key, 8192, 0xab); st != verbs.StatusOK {
		t.Fatal(st)
	}
	r.wantPage(qp, key, 4096, 0)
	r.wantPage(qp, key, 8192, 0xab)

	if err := s.UnmapKey(t.Context(), 7, 1); !errors.Is(err, control.ErrUnknownSlab) {
		t.Errorf("unmap by another key: %v", err)
	}
	if err := s.Unmap(t.Context(), 7); err != nil {
		t.Fatal(err)
	}
	if st := r.write(qp, key, 8192, 1); st == verbs.StatusOK {
		t.Error("wrote to a slab that was taken back")
	}
	if err := s.Unmap(t.Context(), 7); !errors.Is(err, control.ErrUnknownSlab) {
		t.Errorf("second unmap: %v", err)
	}
	// The refused operation ended that connection. The session goes on.
	again := mapSlab(t, s, 7, false)
	qp2 := r.connect(s)
	r.wantPage(qp2, again, 8192, 0)
	if st := r.do(qp2, verbs.OpRead, key, 0); st != verbs.StatusRemoteAccess {
		t.Errorf("read with the old key: %v", st)
	}
}

func TestOutOfBounds(t *testing.T) {
	d := lend(t, testConfig())
	s := dial(t, d, dialConfig(control.NewUUID()))
	key := mapSlab(t, s, 0, false)
	r := newReach(t)
	for _, offset := range []uint64{slabSize - 4095, slabSize, 1<<64 - 4096, 1<<64 - 1} {
		if st := r.do(r.connect(s), verbs.OpRead, key, offset); st != verbs.StatusRemoteAccess {
			t.Errorf("read at %d: %v", offset, st)
		}
	}
}

func TestMapRefuses(t *testing.T) {
	d := lend(t, testConfig())
	s := dial(t, d, dialConfig(control.NewUUID()))
	mapSlab(t, s, 1, false)
	for _, c := range []struct {
		name  string
		slab  uint32
		bytes uint64
		claim bool
		want  error
	}{
		{"twice", 1, slabSize, false, control.ErrSlabHeld},
		{"claim of a mapped one", 1, slabSize, true, control.ErrSlabHeld},
		{"claim of nothing", 2, slabSize, true, control.ErrUnknownSlab},
		{"too big", 2, 2 * slabSize, false, control.ErrTooBig},
		{"far too big", 2, control.MaxSlab, false, control.ErrTooBig},
		{"no slab size", 2, slabSize + 1, false, control.ErrInvalid},
	} {
		if _, err := s.Map(t.Context(), c.slab, c.bytes, c.claim, ""); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	if st := d.Status(); st.Memory.Mapped != slabSize || st.Sessions[0].Slabs != 1 {
		t.Errorf("refusals changed the donor: %+v", st)
	}
	if _, err := s.CheckActivity(t.Context(), []uint32{1}); !errors.Is(err, control.ErrUnsupported) {
		t.Errorf("a donor was asked for activity: %v", err)
	}
}

func TestMemoryLimit(t *testing.T) {
	cfg := testConfig()
	cfg.Memory = 3*slabSize + 4096
	cfg.Ahead = 8
	d := lend(t, cfg)
	s := dial(t, d, dialConfig(control.NewUUID()))
	for i := range uint32(3) {
		mapSlab(t, s, i, false)
	}
	_, err := s.Map(t.Context(), 3, slabSize, false, "")
	if !errors.Is(err, control.ErrNoMemory) {
		t.Errorf("a fourth slab of three: %v", err)
	}
	m, err := s.QueryMem(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if m.Spare <= m.Total || m.Spare > m.Machine || m.Machine != 1<<40 {
		t.Errorf("the machine can spare %d of %d bytes", m.Spare, m.Machine)
	}
	m.Spare, m.Machine = 0, 0
	if *m != (control.FreeMem{Free: 4096, Total: uint64(cfg.Memory), Used: 3 * slabSize, Mapped: 3 * slabSize}) {
		t.Errorf("memory %+v", m)
	}
	if err := s.Unmap(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	mapSlab(t, s, 3, false)
}

func TestDevicesAreIsolated(t *testing.T) {
	cfg := testConfig()
	cfg.Memory = 2 * slabSize
	d := lend(t, cfg)
	a, b := dial(t, d, dialConfig(control.NewUUID())), dial(t, d, dialConfig(control.NewUUID()))
	keyA, keyB := mapSlab(t, a, 0, false), mapSlab(t, b, 0, false)
	r := newReach(t)
	qpA, qpB := r.connect(a), r.connect(b)
	if st := r.write(qpA, keyA, 0, 0xaa); st != verbs.StatusOK {
		t.Fatal(st)
	}
	r.wantPage(qpB, keyB, 0, 0)
	if st := r.do(qpB, verbs.OpRead, keyA, 0); st != verbs.StatusRemoteAccess {
		t.Errorf("read with another device's key: %v", st)
	}
	if err := b.Unmap(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	r.wantPage(qpA, keyA, 0, 0xaa)

	// No device reads the content of another, even when memory is scarce.
	if err := a.Unmap(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	qpB2 := r.connect(b)
	for i := range uint32(2) {
		key := mapSlab(t, b, i, false)
		for offset := uint64(0); offset < slabSize; offset += slabSize / 8 {
			r.wantPage(qpB2, key, offset, 0)
		}
	}
}

func TestLostDeviceComesBack(t *testing.T) {
	d := lend(t, testConfig())
	uuid := control.NewUUID()
	s := dial(t, d, dialConfig(uuid))
	old := mapSlab(t, s, 3, false)
	mapSlab(t, s, 5, false)
	r := newReach(t)
	qp := r.connect(s)
	if st := r.write(qp, old, 4096, 0x33); st != verbs.StatusOK {
		t.Fatal(st)
	}
	_ = s.Close()
	eventually(t, "the slabs are held", func() bool { return len(d.Status().Leases) == 1 })
	if st := r.do(qp, verbs.OpRead, old, 4096); st == verbs.StatusOK {
		t.Error("a key outlived its session")
	}
	if st := d.Status(); st.Leases[0].Slabs != 2 || len(st.Sessions) != 0 || st.Memory.Mapped != 2*slabSize {
		t.Errorf("status %+v", st)
	}

	s = dial(t, d, dialConfig(uuid))
	if held := s.Welcome().Held; len(held) != 2 || held[0] != 3 || held[1] != 5 {
		t.Fatalf("held %v", held)
	}
	if _, err := s.Map(t.Context(), 3, slabSize, false, ""); !errors.Is(err, control.ErrSlabHeld) {
		t.Errorf("map over a held slab: %v", err)
	}
	key := mapSlab(t, s, 3, true)
	if key == old {
		t.Error("the key is the old one")
	}
	r.wantPage(r.connect(s), key, 4096, 0x33)
	if st := r.do(r.connect(s), verbs.OpRead, old, 4096); st != verbs.StatusRemoteAccess {
		t.Errorf("the old key: %v", st)
	}
	if err := s.Unmap(t.Context(), 5); err != nil {
		t.Errorf("unmap of a held slab: %v", err)
	}
	if st := d.Status(); len(st.Leases) != 0 || st.Sessions[0].Slabs != 1 {
		t.Errorf("status %+v", st)
	}
}

func TestLeaseEnds(t *testing.T) {
	cfg := testConfig()
	cfg.Lease = 50 * time.Millisecond
	d := lend(t, cfg)
	uuid := control.NewUUID()
	s := dial(t, d, dialConfig(uuid))
	mapSlab(t, s, 1, false)
	mapSlab(t, s, 2, false)
	// A lease does not run while the device is connected.
	time.Sleep(3 * cfg.Lease)
	if st := d.Status(); st.Memory.Mapped != 2*slabSize {
		t.Fatalf("%d bytes mapped", st.Memory.Mapped)
	}
	_ = s.Close()
	eventually(t, "the memory is free", func() bool { return d.Status().Memory.Mapped == 0 })
	s = dial(t, d, dialConfig(uuid))
	if held := s.Welcome().Held; len(held) != 0 {
		t.Errorf("held %v after the lease", held)
	}
	if _, err := s.Map(t.Context(), 1, slabSize, true, ""); !errors.Is(err, control.ErrUnknownSlab) {
		t.Errorf("claim after the lease: %v", err)
	}
}

// TestUnclaimedSlabsEnd: a device comes back and claims one slab of two.
func TestUnclaimedSlabsEnd(t *testing.T) {
	cfg := testConfig()
	cfg.Lease = 500 * time.Millisecond
	d := lend(t, cfg)
	d.takeover = cfg.Lease
	uuid := control.NewUUID()
	s := dial(t, d, dialConfig(uuid))
	mapSlab(t, s, 1, false)
	mapSlab(t, s, 2, false)
	_ = s.Close()
	eventually(t, "the slabs are held", func() bool { return len(d.Status().Leases) == 1 })
	s = dial(t, d, dialConfig(uuid))
	key := mapSlab(t, s, 2, true)
	eventually(t, "the other is free", func() bool { return d.Status().Memory.Mapped == slabSize })
	r := newReach(t)
	r.wantPage(r.connect(s), key, 0, 0)
}

func TestSecondSessionEndsTheFirst(t *testing.T) {
	d := lend(t, testConfig())
	uuid := control.NewUUID()
	first := dial(t, d, dialConfig(uuid))
	key := mapSlab(t, first, 1, false)
	r := newReach(t)
	qp := r.connect(first)
	if st := r.write(qp, key, 0, 9); st != verbs.StatusOK {
		t.Fatal(st)
	}
	second := dial(t, d, dialConfig(uuid))
	<-first.Done()
	if err := first.Err(); !errors.Is(err, control.ErrSuperseded) {
		t.Errorf("the first ended with %v", err)
	}
	if st := r.do(qp, verbs.OpRead, key, 0); st == verbs.StatusOK {
		t.Error("the first session still reads")
	}
	if held := second.Welcome().Held; len(held) != 1 {
		t.Fatalf("held %v", held)
	}
	r.wantPage(r.connect(second), mapSlab(t, second, 1, true), 0, 9)
}

func TestOtherSlabSizeIsRefused(t *testing.T) {
	d := lend(t, testConfig())
	uuid := control.NewUUID()
	s := dial(t, d, dialConfig(uuid))
	mapSlab(t, s, 1, false)
	cfg := dialConfig(uuid)
	cfg.SlabSize *= 2
	if _, err := control.Dial(t.Context(), d.Addr(), cfg); !errors.Is(err, control.ErrRefused) {
		t.Errorf("dial: %v", err)
	}
	if s.Err() != nil {
		t.Errorf("the refused one ended the first: %v", s.Err())
	}
	if err := s.Unmap(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	dial(t, d, cfg)
}

func TestIdentityOwnsItsDevice(t *testing.T) {
	identity := authority(t)
	cfg := testConfig()
	cfg.Insecure, cfg.Identity = false, identity("donor-1")
	d := lend(t, cfg)

	mine := dialConfig(control.NewUUID())
	mine.Insecure, mine.Identity = false, identity("mine")
	s := dial(t, d, mine)
	mapSlab(t, s, 1, false)
	theirs := mine
	theirs.Identity = identity("theirs")
	for _, when := range []string{"while it is there", "under lease"} {
		other := dial(t, d, theirs)
		if n := len(other.Welcome().Held); n != 0 {
			t.Errorf("another identity with the UUID sees %d slabs %s", n, when)
		}
		if _, err := other.Map(t.Context(), 1, slabSize, true, ""); !errors.Is(err, control.ErrUnknownSlab) {
			t.Errorf("another identity with the UUID claims a slab %s: %v", when, err)
		}
		if when == "while it is there" { // the second time it stays, and keeps nobody out
			_ = other.Close()
			if s.Err() != nil {
				t.Errorf("the session ended: %v", s.Err())
			}
			_ = s.Close()
			eventually(t, "the slab is held", func() bool { return len(d.Status().Leases) == 1 })
		}
	}
	s = dial(t, d, mine)
	mapSlab(t, s, 1, true)
	if got := d.Status().Sessions[0]; got.Identity != "mine" || got.UUID != mine.Device.String() || got.Device != "dev-1" {
		t.Errorf("session %+v", got)
	}
}

func TestDataNeedsTheSecret(t *testing.T) {
	d := lend(t, testConfig())
	a := dial(t, d, dialConfig(control.NewUUID()))
	r := newReach(t)
	for name, credential := range map[string]verbs.Credential{
		"wrong secret":    {Session: verbs.SessionID(a.Welcome().Session)},
		"unknown session": {Session: 999, Secret: a.Welcome().Secret},
	} {
		conn, err := r.dev.Connect(t.Context(), a.DataAddress("tcp"), credential, verbs.QPConfig{})
		if !errors.Is(err, verbs.ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil {
			_ = conn.Close()
		}
	}
}

func TestCloseEndsEverything(t *testing.T) {
	d := lend(t, testConfig())
	s := dial(t, d, dialConfig(control.NewUUID()))
	mapSlab(t, s, 1, false)
	if err := errors.Join(d.Close(), d.Close()); err != nil {
		t.Error(err)
	}
	<-s.Done()
	if err := s.Err(); !errors.Is(err, control.ErrPeerClosed) {
		t.Errorf("the session ended with %v", err)
	}
	if err := d.Serve(t.Context()); err != nil {
		t.Errorf("serve after close: %v", err)
	}
}
