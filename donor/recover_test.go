package donor

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/internal/proxytest"
	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/verbs"
)

// die opens a session, maps slabs 0 to n-1 and breaks the connection without a goodbye, as the end of a
// device's server does. It returns when the donor has noticed.
func die(t *testing.T, d *Donor, cfg control.DialConfig, n int) {
	t.Helper()
	s, p := dialThrough(t, d, cfg)
	for i := range n {
		mapSlab(t, s, uint32(i), false)
	}
	p.Cut()
	<-s.Cut()
	eventually(t, "the donor has noticed", func() bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		dev := d.devices[deviceKey{uuid: cfg.Device}]
		return dev != nil && (dev.session == nil || !dev.session.cut.IsZero())
	})
}

// goodbye opens a session, maps slabs 0 to n-1 and ends the session.
func goodbye(t *testing.T, d *Donor, n int) {
	t.Helper()
	uuid := control.NewUUID()
	s := dial(t, d, dialConfig(uuid))
	for i := range n {
		mapSlab(t, s, uint32(i), false)
	}
	_ = s.Close()
	eventually(t, "they are under lease", func() bool {
		return slices.ContainsFunc(d.Status().Leases, func(l status.DonorLease) bool { return l.UUID == uuid.String() })
	})
}

// TestTakeoverOutlastsAShortLease: the slabs of a device that was lost without a goodbye stay for its next
// server, with their content, however short the lease is.
func TestTakeoverOutlastsAShortLease(t *testing.T) {
	for _, grace := range []time.Duration{0, time.Nanosecond, time.Hour} { // a nanosecond is 0 on the wire
		cfg := testConfig()
		cfg.Lease = time.Millisecond
		d := lend(t, cfg)
		uuid := control.NewUUID()
		s, p := dialThrough(t, d, patient(uuid, grace))
		key := mapSlab(t, s, 3, false)
		r := newReach(t)
		if st := r.write(r.connect(s), key, 0, 0x5a); st != verbs.StatusOK {
			t.Fatal(st)
		}
		p.Cut()
		<-s.Cut()
		if grace < time.Second {
			eventually(t, "the session has ended", func() bool { return len(d.Status().Sessions) == 0 })
		}
		time.Sleep(20 * cfg.Lease)
		again := dial(t, d, patient(uuid, grace))
		if held := again.Welcome().Held; !slices.Equal(held, []uint32{3}) {
			t.Fatalf("grace %v: held %v", grace, held)
		}
		time.Sleep(20 * cfg.Lease)
		r.wantPage(r.connect(again), mapSlab(t, again, 3, true), 0, 0x5a)
	}
}

// TestDeviceInRecoveryKeepsItsSlabs: in a shortage that leases cover, leases go, and neither the slabs of a
// device that was lost without a goodbye nor those that its next server has not claimed yet.
func TestDeviceInRecoveryKeepsItsSlabs(t *testing.T) {
	d, h := lendOn(t, nil)
	uuid := control.NewUUID()
	die(t, d, dialConfig(uuid), 4) // its lease is the older one
	for _, back := range []bool{false, true} {
		goodbye(t, d, 2)
		h.short(2 * slabSize)
		tick(d, 2)
		if st := d.Status(); st.Memory.Mapped != 4*slabSize || st.Memory.Returning != 0 {
			t.Fatalf("new session %v: %d mapped, %d asked back", back, st.Memory.Mapped, st.Memory.Returning)
		}
		h.set(func() { h.left = hostTotal / 2 })
		eventually(t, "memory is there again", func() bool { tick(d, 1); return d.ledger.room() >= 2*slabSize })
		if back {
			continue
		}
		s := dial(t, d, dialConfig(uuid))
		if held := s.Welcome().Held; !slices.Equal(held, []uint32{0, 1, 2, 3}) {
			t.Fatalf("held %v", held)
		}
		mapSlab(t, s, 1, true)
		if err := s.Unmap(t.Context(), 2); err != nil {
			t.Fatal(err)
		}
		mapSlab(t, s, 2, false)
	}
}

// TestRecoveryGetsTheTimeOfMappedSlabs: a donor that needs more than leases takes slabs of a device in
// recovery as it takes mapped ones, after the same time.
func TestRecoveryGetsTheTimeOfMappedSlabs(t *testing.T) {
	for _, back := range []bool{false, true} {
		d, h := lendOn(t, nil)
		d.patience = patience{activity: time.Millisecond, calm: time.Hour, urgent: 50 * time.Millisecond}
		uuid := control.NewUUID()
		die(t, d, dialConfig(uuid), 4)
		if back {
			dial(t, d, dialConfig(uuid))
		}
		h.short(2 * slabSize)
		tick(d, 2)
		if m := d.Status().Memory; m.Mapped != 4*slabSize || m.Returning != 2*slabSize {
			t.Fatalf("new session %v: %+v", back, m)
		}
		h.set(func() { h.stall = 1 }) // now it is urgent
		tick(d, 1)
		eventually(t, "two are freed", mappedIs(d, 2))
		eventually(t, "it is counted", func() bool {
			e := d.Status().LastEviction
			return e != nil && e.Forced && e.Slabs == 2 && d.Status().Memory.Returning == 0
		})
		if back && len(d.Status().Sessions) != 1 {
			t.Error("the new session has ended for slabs that it had not claimed")
		}
	}
}

// TestClaimTakesARecallBack: slabs that were asked back when the device's server died stay for the next one,
// and are its own once it has claimed them.
func TestClaimTakesARecallBack(t *testing.T) {
	d, h := lendOn(t, nil)
	d.patience = patience{activity: time.Millisecond, calm: time.Hour, urgent: time.Hour}
	uuid := control.NewUUID()
	b := borrow(t, d, dialConfig(uuid), 4)
	b.set(func() { b.keep = true })
	r := newReach(t)
	qp := r.connect(b.s)
	mine := mapSlab(t, b.s, 9, false)
	if st := r.write(qp, mine, 0, 0x77); st != verbs.StatusOK {
		t.Fatal(st)
	}
	settle(d)
	h.short(3 * slabSize)
	tick(d, 2)
	eventually(t, "they are asked back", func() bool { return len(b.wasAsked()) == 3 })
	asked := b.wasAsked()
	h.set(func() { h.left = hostTotal / 2 })
	again := dial(t, d, dialConfig(uuid))
	if held := again.Welcome().Held; !slices.Equal(held, []uint32{0, 1, 2, 3, 9}) {
		t.Fatalf("held %v of slabs of which %v were asked back", held, asked)
	}
	if err := again.Unmap(t.Context(), asked[0]); err != nil {
		t.Fatal(err)
	}
	r = newReach(t)
	qp = r.connect(again)
	for _, i := range again.Welcome().Held {
		if i == asked[0] {
			continue
		}
		key, want := mapSlab(t, again, i, true), byte(0)
		if i == 9 {
			want = 0x77
		}
		r.wantPage(qp, key, 0, want)
	}
	if m := d.Status().Memory; m.Returning != 0 || m.Mapped != 4*slabSize {
		t.Errorf("%+v", m)
	}
	eventually(t, "what was returned is counted", func() bool { return d.Status().Evictions == 1 })
	if e := d.Status().LastEviction; e.Slabs != 1 || e.Bytes != slabSize || e.Forced {
		t.Errorf("%+v", e)
	}
}

// TestRecoveryEnds: after its time the slabs that nobody has claimed are a lease as any other, and sessions
// that follow on one another do not prolong it for ever.
func TestRecoveryEnds(t *testing.T) {
	d, h := lendOn(t, nil)
	d.takeover = 20 * time.Millisecond
	uuid := control.NewUUID()
	die(t, d, dialConfig(uuid), 2)
	begun := time.Now()
	for time.Since(begun) < 2*longestRecovery*d.takeover {
		_ = dial(t, d, dialConfig(uuid)).Close()
	}
	again := dial(t, d, dialConfig(uuid)) // does not claim
	h.short(2 * slabSize)
	tick(d, 2)
	if m := d.Status().Memory; m.Mapped != 0 || m.Returning != 0 {
		t.Errorf("%+v", m)
	}
	if again.Err() != nil {
		t.Errorf("the session has ended: %v", again.Err())
	}
}

// TestLateWriteAfterAClaim: a WRITE of a server that has died lies in the network until the next server has
// claimed the slab, and so does a connection that it has begun to open. Neither reaches the slab.
func TestLateWriteAfterAClaim(t *testing.T) {
	d := lend(t, testConfig())
	uuid := control.NewUUID()
	for _, broken := range []bool{false, true} { // whether the donor knows that the first server has died
		first, line := dialThrough(t, d, patient(uuid, time.Hour))
		way := proxytest.Start(t, first.DataAddress("tcp"))
		r := newReach(t)
		qp := r.connectAt(first, way.Addr())
		var key verbs.Key
		if len(first.Welcome().Held) == 0 {
			key = mapSlab(t, first, 1, false)
		} else {
			key = mapSlab(t, first, 1, true)
		}
		if st := r.write(qp, key, 0, 1); st != verbs.StatusOK {
			t.Fatal(st)
		}
		way.Hold()
		for i := range r.page {
			r.page[i] = 0xbb
		}
		if err := qp.Post(&verbs.WR{Op: verbs.OpWrite, Local: r.page, Key: key}); err != nil {
			t.Fatal(err)
		}
		qp.Doorbell()
		if err := r.loop.Pass(time.Millisecond); err != nil {
			t.Fatal(err)
		}
		opened := make(chan error, 1)
		go func() {
			conn, err := r.dev.Connect(context.Background(), way.Addr(), credentialOf(first), verbs.QPConfig{})
			if err == nil {
				_ = conn.Close()
			}
			opened <- err
		}()
		if broken {
			line.Cut()
			<-first.Cut()
		}

		second := dial(t, d, patient(uuid, time.Hour))
		fresh := mapSlab(t, second, 1, true)
		if fresh == key {
			t.Error("the claim has the key of before")
		}
		after := newReach(t)
		next := after.connect(second)
		after.wantPage(next, fresh, 0, 1)
		if st := after.write(next, fresh, 0, 2); st != verbs.StatusOK {
			t.Fatal(st)
		}
		way.Release()
		if st := r.drain(qp); st == verbs.StatusOK {
			t.Error("a WRITE of the first session was carried out after the claim")
		}
		if err := <-opened; err == nil {
			t.Error("a connection of the first session was opened after the claim")
		}
		after.wantPage(next, fresh, 0, 2)
		// The key of the second session is no secret of it towards the first one's connections.
		if conn, err := r.dev.Connect(t.Context(), second.DataAddress("tcp"), credentialOf(first), verbs.QPConfig{}); !errors.Is(err, verbs.ErrRefused) {
			t.Errorf("the first session's credential: %v", err)
			_ = conn.Close()
		}
		_ = second.Close()
		eventually(t, "the slab is under lease", func() bool { return len(d.Status().Leases) == 1 })
	}
}

// TestServersRaceForADevice: of many that open a session of one device at the same time, the last has it.
// Each other hears that another has superseded it, and nothing of it works any more.
func TestServersRaceForADevice(t *testing.T) {
	d := lend(t, testConfig())
	uuid := control.NewUUID()
	die(t, d, patient(uuid, time.Hour), 3)
	const racers = 12
	sessions := make([]*control.Session, racers)
	var racing sync.WaitGroup
	for n := range racers {
		racing.Go(func() {
			s, err := control.Dial(context.Background(), d.Addr(), patient(uuid, time.Hour))
			if err != nil { // superseded before it began, or refused for the rate
				if !errors.Is(err, control.ErrSuperseded) && !errors.Is(err, control.ErrBusy) {
					t.Errorf("racer %d: %v", n, err)
				}
				return
			}
			sessions[n] = s
			for i := range uint32(3) {
				_, _ = s.Map(context.Background(), i, slabSize, true, "")
			}
		})
	}
	racing.Wait()
	var last uint64
	for _, one := range d.Status().Sessions {
		if one.UUID == uuid.String() {
			d.mu.Lock()
			last = uint64(d.devices[deviceKey{uuid: uuid}].session.id())
			d.mu.Unlock()
		}
	}
	winners := 0
	for n, s := range sessions {
		switch {
		case s == nil:
		case s.Welcome().Session == last:
			winners++
			if m := d.Status().Memory; m.Mapped != 3*slabSize {
				t.Errorf("%d bytes mapped", m.Mapped)
			}
			for i := range uint32(3) {
				if err := s.Unmap(t.Context(), i); err != nil {
					t.Errorf("the winner's slab %d: %v", i, err)
				}
			}
		default:
			<-s.Done()
			if err := s.Err(); !errors.Is(err, control.ErrSuperseded) {
				t.Errorf("racer %d ended with %v", n, err)
			}
			if err := s.Resume(t.Context()); err == nil {
				t.Errorf("racer %d goes on", n)
			}
		}
	}
	if winners != 1 {
		t.Errorf("%d winners", winners)
	}
	for _, s := range sessions {
		if s != nil {
			_ = s.Close()
		}
	}
}
