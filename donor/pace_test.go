package donor

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/farswap/farswap/control"
)

func TestPaces(t *testing.T) {
	now := time.Unix(1000, 0)
	p := newPaces(3, 2)
	p.now = func() time.Time { return now }
	want := func(what, who string, want time.Duration) {
		t.Helper()
		if got := p.reserve(who); got != want {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	for range 3 {
		want("at once", "a", 0)
	}
	want("one too many", "a", 500*time.Millisecond)
	want("another", "a", time.Second)
	want("who asks less", "b", 0)
	now = now.Add(2 * time.Second) // four tokens: two of them were taken ahead
	want("later", "a", 0)
	want("later", "a", 0)
	want("later", "a", 500*time.Millisecond)
	if err := p.take(t.Context(), ""); err != nil {
		t.Error(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.take(ended, "a"); !errors.Is(err, control.ErrBusy) {
		t.Errorf("a wait that ends: %v", err)
	}
	now = now.Add(time.Hour)
	for range 3 {
		if ok, skipped := p.try("a"); !ok || skipped != 0 {
			t.Errorf("a full bucket: %v, %d", ok, skipped)
		}
	}
	for range 5 {
		if ok, _ := p.try("a"); ok {
			t.Error("an empty bucket")
		}
	}
	now = now.Add(time.Second)
	if ok, skipped := p.try("a"); !ok || skipped != 5 {
		t.Errorf("after five that were left out: %v, %d", ok, skipped)
	}
	for i := range 4 * maxPaced {
		now = now.Add(time.Second)
		p.reserve(fmt.Sprint(i))
		if len(p.byName) > maxPaced+1 {
			t.Fatalf("%d identities are remembered", len(p.byName))
		}
	}
}

// tenants serves a donor that others than dev may use, too, and returns a function that connects.
func tenants(t *testing.T, change func(*Config)) (*Donor, *logged, func(name string) (*control.Session, error)) {
	t.Helper()
	log, identity := &logged{}, authority(t)
	d, _ := lendOn(t, func(c *Config) {
		c.Insecure, c.Identity, c.Log = false, identity("donor-1"), zerolog.New(log)
		c.Timing = control.Timing{Handshake: ample, Ping: time.Second, Missed: 60}
		if change != nil {
			change(c)
		}
	})
	return d, log, func(name string) (*control.Session, error) {
		cfg := dialConfig(control.NewUUID())
		cfg.Insecure, cfg.Identity, cfg.Name = false, identity(name), "dev-of-"+name
		cfg.Timing = control.Timing{Handshake: ample, Ping: time.Second, Missed: 60, Call: ample}
		s, err := control.Dial(t.Context(), d.Addr(), cfg)
		if err == nil {
			t.Cleanup(func() { _ = s.Close() })
		}
		return s, err
	}
}

// A tenant that maps and unmaps without end is slowed, gets no error, and does not fill the log. Another
// tenant is not slowed.
func TestATenantIsSlowedAlone(t *testing.T) {
	d, log, as := tenants(t, nil)
	d.changes.atOnce, d.changes.perSecond = 20, 0.001 // far slower than the test
	d.lines.atOnce, d.lines.perSecond = 4, 0.001
	greedy, err := as("greedy")
	if err != nil {
		t.Fatal(err)
	}
	modest, err := as("modest")
	if err != nil {
		t.Fatal(err)
	}
	pair := func(s *control.Session, slab uint32) {
		t.Helper()
		mapSlab(t, s, slab, false)
		if err := s.Unmap(t.Context(), slab); err != nil {
			t.Fatal(err)
		}
	}
	for range 10 {
		pair(greedy, 1)
	}
	stuck, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := greedy.Map(stuck, 2, slabSize, false, "")
		done <- err
	}()
	eventually(t, "the greedy one waits for its turn", func() bool {
		d.changes.mu.Lock()
		defer d.changes.mu.Unlock()
		return d.changes.byName["greedy"].tokens < 0
	})
	for range 5 {
		pair(modest, 1)
	}
	if _, err := greedy.QueryMem(t.Context()); err != nil {
		t.Errorf("a question of the greedy one: %v", err)
	}
	select {
	case err := <-done:
		t.Errorf("the greedy one went on: %v", err)
	default:
	}
	cancel()
	<-done
	said := 0
	for _, word := range []string{`"message":"slab mapped"`, `"message":"slab unmapped"`} {
		said += log.countAll(`"level":"info"`, `"identity":"greedy"`, word)
	}
	if said != 4 {
		t.Errorf("%d lines about slabs of the greedy one, want 4", said)
	}
}

// An identity has a bounded number of devices, those included whose connection is lost, and others have
// theirs.
func TestDevicesOfOneIdentityAreBounded(t *testing.T) {
	d, _, as := tenants(t, nil)
	for i := range maxDevices {
		if _, err := as("greedy"); err != nil {
			t.Fatalf("device %d: %v", i, err)
		}
	}
	if _, err := as("greedy"); !errors.Is(err, control.ErrBusy) {
		t.Errorf("one more: %v", err)
	}
	if _, err := as("modest"); err != nil {
		t.Errorf("of another identity: %v", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.devices) != maxDevices+1 {
		t.Errorf("%d devices", len(d.devices))
	}
}
