package donor

import (
	"errors"
	"fmt"
	"testing"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/verbs"
)

// TestTwoTransports lends one slab over each transport to one session. A key is valid on its own
// transport only, and ends with its slab.
func TestTwoTransports(t *testing.T) {
	cfg, _ := bothConfig()
	d := lendBoth(t, cfg, &adapters{})
	s := dial(t, d, dialConfig(control.NewUUID()))
	wantDataOver(t, s, "rdma", "tcp")
	keys := map[string]verbs.Key{
		"rdma": mapSlabOver(t, s, 1, false, "rdma"),
		"tcp":  mapSlabOver(t, s, 2, false, "tcp"),
	}
	mapSlabOver(t, s, 3, false, "")
	r := newReach(t)
	for own, other := range map[string]string{"rdma": "tcp", "tcp": "rdma"} {
		qp := r.connectOver(s, own)
		if st := r.write(qp, keys[own], 4096, own[0]); st != verbs.StatusOK {
			t.Fatalf("%s: %v", own, st)
		}
		r.wantPage(qp, keys[own], 4096, own[0])
		if st := r.do(r.connectOver(s, other), verbs.OpRead, keys[own], 4096); st != verbs.StatusRemoteAccess {
			t.Errorf("key for %s over %s: %v", own, other, st)
		}
	}
	if _, err := s.Map(t.Context(), 4, slabSize, false, "pigeon"); !errors.Is(err, control.ErrUnsupported) {
		t.Errorf("map over no transport: %v", err)
	}

	st := d.Status()
	if st.Transport != "rdma+tcp" || len(st.Transports) != 2 || st.Memory.Mapped != 3*slabSize || st.DataAddress != d.DataAddr() {
		t.Fatalf("status %+v", st)
	}
	over, under := st.Transports[0], st.Transports[1]
	if over.Name != "rdma" || over.Slabs != 1 || under.Name != "tcp" || under.Slabs != 2 || under.Address != st.DataAddress || over.Address == under.Address {
		t.Errorf("transports %+v", st.Transports)
	}
	if over.IO.Writes != 1 || under.IO.Writes != 1 || over.IO.Refused != 1 || st.IO.Writes != 2 || st.IO.Refused != 2 {
		t.Errorf("%+v is not the sum of %+v", st.IO, st.Transports)
	}

	qp := r.connectOver(s, "rdma")
	if err := s.Unmap(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if st := r.do(qp, verbs.OpRead, keys["rdma"], 4096); st == verbs.StatusOK {
		t.Error("read over rdma from a slab that was taken back")
	}
	r.wantPage(r.connectOver(s, "tcp"), keys["tcp"], 4096, 't')
}

// TestClaimOverTheOther: a device claims a slab under lease for another transport than before.
func TestClaimOverTheOther(t *testing.T) {
	cfg, _ := bothConfig()
	d := lendBoth(t, cfg, &adapters{})
	r := newReach(t)
	uuid := control.NewUUID()
	content := byte(1)
	var old verbs.Key
	for i, transport := range []string{"tcp", "rdma", "tcp"} {
		s := dial(t, d, dialConfig(uuid))
		key := mapSlabOver(t, s, 7, i > 0, transport)
		qp := r.connectOver(s, transport)
		if i > 0 {
			r.wantPage(qp, key, 0, content)
			content++
		}
		if st := r.write(qp, key, 0, content); st != verbs.StatusOK {
			t.Fatal(st)
		}
		if key == old {
			t.Error("the key is the old one")
		}
		old = key
		_ = s.Close()
		eventually(t, "the slab is held", func() bool { return len(d.Status().Leases) == 1 })
		if st := r.do(qp, verbs.OpRead, key, 0); st == verbs.StatusOK {
			t.Errorf("a key over %s outlived its session", transport)
		}
	}
}

// TestPreparedMemoryIsAccountedFor follows prepared slabs to each of their ends.
func TestPreparedMemoryIsAccountedFor(t *testing.T) {
	cfg, _ := bothConfig()
	a := &adapters{}
	d := lendBoth(t, cfg, a)
	f := a.last()
	s := dial(t, d, dialConfig(control.NewUUID()))
	mapSlabOver(t, s, 0, false, "rdma") // says the size
	counts := func(prepared, consumed int) func() bool {
		return func() bool { p, _, c := f.counts(); return p == prepared && c == consumed }
	}
	_, _, before := f.counts() // 1 if preparing was faster
	eventually(t, "two are prepared", counts(2, before))
	mapSlabOver(t, s, 1, false, "rdma")
	eventually(t, "one is registered, another prepared", counts(2, before+1))
	mapSlabOver(t, s, 2, false, "tcp")
	eventually(t, "one is lent over TCP and stays prepared", counts(3, before+1))
	_, forgets, _ := f.counts()
	for slab := uint32(1); slab <= 2; slab++ { // of the first is nothing to forget
		if err := s.Unmap(t.Context(), slab); err != nil {
			t.Fatal(err)
		}
	}
	if p, now, _ := f.counts(); p != 2 || now != forgets+1 {
		t.Errorf("%d prepared, %d forgotten, %d before", p, now, forgets)
	}
	other := dialConfig(control.NewUUID())
	other.SlabSize *= 2
	big := dial(t, d, other)
	if _, err := big.Map(t.Context(), 0, other.SlabSize, false, "rdma"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "those of the old size are forgotten", func() bool {
		_, now, _ := f.counts()
		return now >= forgets+3
	})
	if err := f.check(false); err != nil {
		t.Error(err)
	}
}

func TestPrepareFails(t *testing.T) {
	cfg, log := bothConfig()
	a := &adapters{}
	d := lendBoth(t, cfg, a)
	a.last().fail(errFault, nil)
	s := dial(t, d, dialConfig(control.NewUUID()))
	for i := range uint32(5) {
		mapSlabOver(t, s, i, false, "rdma")
	}
	eventually(t, "it is said", func() bool { return log.count("cannot prepare memory") == 1 })
	eventually(t, "slabs are ready nevertheless", func() bool { return d.Status().Memory.Prepared == 2*slabSize })
	if n := log.count("cannot prepare memory"); n != 1 {
		t.Errorf("said %d times", n)
	}
}

// TestServerEnds: the donor goes on without a server that ends, and uses a new one once it starts.
func TestServerEnds(t *testing.T) {
	cfg, log := bothConfig()
	a := &adapters{}
	d := lendBoth(t, cfg, a)
	s := dial(t, d, dialConfig(control.NewUUID()))
	over, under := mapSlabOver(t, s, 1, false, "rdma"), mapSlabOver(t, s, 2, false, "tcp")
	r := newReach(t)
	qp, tcp := r.connectOver(s, "rdma"), r.connectOver(s, "tcp")
	for _, st := range []verbs.Status{r.write(qp, over, 0, 1), r.write(tcp, under, 0, 2)} {
		if st != verbs.StatusOK {
			t.Fatal(st)
		}
	}
	a.set(verbs.ErrUnavailable)
	a.last().fail(nil, fmt.Errorf("adapter removed: %w", verbs.ErrClosed))
	if _, err := s.Map(t.Context(), 3, slabSize, false, "rdma"); !errors.Is(err, control.ErrInternal) {
		t.Errorf("map over a server that has ended: %v", err)
	}
	eventually(t, "it is out", func() bool { return d.Status().Transport == "tcp" })
	if st := r.do(qp, verbs.OpRead, over, 0); st == verbs.StatusOK {
		t.Error("a server that has ended serves")
	}
	r.wantPage(tcp, under, 0, 2)
	if st := d.Status(); st.IO.Writes != 2 || st.Memory.Mapped != 2*slabSize {
		t.Errorf("%+v, %+v", st.IO, st.Memory)
	}
	if err := s.Unmap(t.Context(), 1); err != nil {
		t.Errorf("unmap of a slab whose server has ended: %v", err)
	}
	second := dial(t, d, dialConfig(control.NewUUID()))
	wantDataOver(t, second, "tcp")
	mapSlabOver(t, second, 1, false, "")

	a.set(nil)
	eventually(t, "another serves", func() bool { return d.Status().Transport == "rdma+tcp" })
	third := dial(t, d, dialConfig(control.NewUUID()))
	wantDataOver(t, third, "rdma", "tcp")
	r.wantPage(r.connectOver(third, "rdma"), mapSlabOver(t, third, 1, false, "rdma"), 0, 0)
	if _, err := second.Map(t.Context(), 2, slabSize, false, "rdma"); !errors.Is(err, control.ErrUnsupported) {
		t.Errorf("map over a server that came after the session: %v", err)
	}
	if n := log.count("transport has ended"); n != 1 {
		t.Errorf("its end is said %d times", n)
	}
}

// TestRDMAComesLate: the donor logs once that RDMA is missing. When RDMA starts, the donor
// prepares the ready slabs for it.
func TestRDMAComesLate(t *testing.T) {
	cfg, log := bothConfig()
	a := &adapters{absent: fmt.Errorf("no adapter: %w", verbs.ErrUnavailable)}
	d := lendBoth(t, cfg, a)
	s := dial(t, d, dialConfig(control.NewUUID()))
	wantDataOver(t, s, "tcp")
	mapSlab(t, s, 1, false)
	eventually(t, "slabs are ready", func() bool { return d.Status().Memory.Prepared == 2*slabSize })
	if n := log.count("no adapter"); n != 1 || log.count(`"level":"warn"`) != log.count("insecure") {
		t.Errorf("its absence is said %d times: %s", n, log.text.String())
	}
	a.set(fmt.Errorf("port down: %w", verbs.ErrUnavailable))
	eventually(t, "the new reason is said", func() bool { return log.count("port down") == 1 })
	a.set(nil)
	eventually(t, "it serves", func() bool { return d.Status().Transport == "rdma+tcp" })
	eventually(t, "two are prepared for it", func() bool { p, _, _ := a.last().counts(); return p == 2 })
	if n := log.count("no adapter") + log.count("port down"); n != 2 {
		t.Errorf("its absence is said %d times", n)
	}
	s = dial(t, d, dialConfig(control.NewUUID()))
	wantDataOver(t, s, "rdma", "tcp")
	mapSlabOver(t, s, 1, false, "rdma")
	if _, _, consumed := a.last().counts(); consumed != 1 {
		t.Errorf("%d prepared slabs were lent", consumed)
	}
}

func TestRDMAOnly(t *testing.T) {
	cfg, _ := bothConfig()
	cfg.Transport = "rdma"
	a := &adapters{}
	d := lendBoth(t, cfg, a)
	s := dial(t, d, dialConfig(control.NewUUID()))
	wantDataOver(t, s, "rdma")
	if _, err := s.Map(t.Context(), 1, slabSize, false, ""); !errors.Is(err, control.ErrUnsupported) {
		t.Errorf("map over TCP: %v", err)
	}
	r := newReach(t)
	r.wantPage(r.connectOver(s, "rdma"), mapSlabOver(t, s, 1, false, "rdma"), 0, 0)
	if st := d.Status(); st.Transport != "rdma" || d.DataAddr() != st.Transports[0].Address || st.Memory.Mapped != slabSize {
		t.Errorf("status %+v", st)
	}

	// Without any transport the donor refuses sessions, and lives.
	a.set(verbs.ErrUnavailable)
	a.last().fail(nil, verbs.ErrClosed)
	if _, err := control.Dial(t.Context(), d.Addr(), dialConfig(control.NewUUID())); !errors.Is(err, control.ErrInternal) {
		t.Errorf("dial: %v", err)
	}
	if d.DataAddr() != "" {
		t.Errorf("data at %q", d.DataAddr())
	}
	a.set(nil)
	eventually(t, "it serves again", func() bool { return d.Status().Transport == "rdma" })
	dial(t, d, dialConfig(control.NewUUID()))
}
