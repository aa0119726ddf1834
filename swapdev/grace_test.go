package swapdev

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/farswap/farswap/control"
	daemon "github.com/farswap/farswap/donor"
	"github.com/farswap/farswap/internal/proxytest"
	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/swapdev/lenders"
	"github.com/farswap/farswap/ublk"
	"github.com/farswap/farswap/verbs"
)

// detour is a device whose connections pass a proxy.
type detour struct {
	verbs.Device
	t testing.TB

	mu    sync.Mutex                  // guards what follows
	ways  map[string]*proxytest.Proxy // by address
	first *proxytest.Proxy
}

func (d *detour) Connect(ctx context.Context, address string, cred verbs.Credential, cfg verbs.QPConfig) (verbs.Conn, error) {
	return d.Device.Connect(ctx, d.way(address).Addr(), cred, cfg)
}

// way is the proxy before an address. Nobody may have connected to that yet.
func (d *detour) way(address string) *proxytest.Proxy {
	d.mu.Lock()
	defer d.mu.Unlock()
	way := d.ways[address]
	if way == nil {
		way = proxytest.Start(d.t, address)
		d.ways[address] = way
		if d.first == nil {
			d.first = way
		}
	}
	return way
}

func (d *detour) proxy() *proxytest.Proxy {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.first
}

// stretch is a rig with one donor, whose control and data connections pass proxies.
type stretch struct {
	*rig
	donor   *testDonor
	control *proxytest.Proxy
	data    *proxytest.Proxy
	keys    []verbs.Key
}

func newStretch(t *testing.T, change func(*Config)) *stretch {
	t.Helper()
	d := startDonorAs(t, 16*testSlab, func(*daemon.Config) {})
	t.Cleanup(d.kill)
	s := &stretch{donor: d, control: proxytest.Start(t, d.address)}
	var way *detour
	s.rig = newRig(t, rigOptions{
		queues: 2,
		prepare: func(c *Config) {
			c.Donors, c.Grace = []string{s.control.Addr()}, time.Minute
			change(c)
		},
		wrap: func(v verbs.Device) verbs.Device {
			way = &detour{Device: v, t: t, ways: make(map[string]*proxytest.Proxy)}
			return way
		},
	})
	s.heat(0, 1, 2)
	s.serves()
	s.data = way.proxy()
	s.keys = s.keysNow()
	return s
}

func (s *stretch) keysNow() []verbs.Key {
	var keys []verbs.Key
	for slab := range 3 {
		keys = append(keys, s.engine.shared.Keys.Get(slab, s.engine.pages.Slab(slab).Epoch))
	}
	return keys
}

func (s *stretch) state() string { return s.engine.report().Donors[0].State }

// wantState waits for a state of the donor. It uses the connections: only one that is used
// is known to be broken.
func (s *stretch) wantState(state string) {
	s.t.Helper()
	s.until("the donor is "+state, func() bool {
		s.use()
		return s.state() == state
	})
}

// use writes and reads a page of each slab, on each queue.
func (s *stretch) use() {
	s.t.Helper()
	for slab := range 3 {
		first, _ := s.engine.pages.Geometry().PageRange(slab)
		for queue := range 2 {
			page := first + 20 + int64(queue)
			s.write(queue, page, 2, 1)
			s.read(queue, page, 2, 1)
		}
	}
}

// wantNothingLost checks that the donor has what it had, under the same keys, and serves it.
func (s *stretch) wantNothingLost() {
	s.t.Helper()
	r := s.engine.report()
	if r.IO.Failovers != 0 || r.Pages.Lost != 0 || r.IO.Errors != 0 || r.Donors[0].Slabs != 3 {
		s.t.Errorf("%+v, %+v, %+v", r.IO, r.Pages, r.Donors[0])
	}
	if now := s.keysNow(); !slices.Equal(now, s.keys) {
		s.t.Error("the keys have changed")
	}
	if r.Donors[0].Suspensions == 0 || r.Donors[0].Suspended == 0 {
		s.t.Errorf("suspended %d times, for %dns", r.Donors[0].Suspensions, r.Donors[0].Suspended)
	}
	kinds := s.kinds()
	if kinds[status.EventDonorSuspended] == 0 || kinds[status.EventDonorResumed] == 0 || kinds[status.EventDonorLost] != 0 {
		s.t.Errorf("events %v", kinds)
	}
	s.serves()
}

// serves checks that pages are read from the donor.
func (s *stretch) serves() {
	s.t.Helper()
	before := s.engine.report().IO.RemoteReads
	s.until("pages are read from the donor", func() bool {
		s.use()
		return s.engine.report().IO.RemoteReads > before
	})
}

func TestBrokenConnectionsSuspend(t *testing.T) {
	for _, tt := range []struct {
		name string
		cut  func(*stretch)
	}{
		{"control", func(s *stretch) { s.control.Shut(true); s.control.Cut() }},
		{"data", func(s *stretch) { s.data.Shut(true); s.data.Cut() }},
		{"both", func(s *stretch) {
			s.control.Shut(true)
			s.data.Shut(true)
			s.control.Cut()
			s.data.Cut()
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStretch(t, func(*Config) {})
			for range 2 {
				tt.cut(s)
				s.wantState(string(lenders.StateSuspended))
				if r := s.engine.report(); !r.Degraded || r.Donors[0].Error == "" || r.Donors[0].Transport == "" {
					t.Errorf("degraded %v, donor %+v", r.Degraded, r.Donors[0])
				}
				s.control.Shut(false)
				s.data.Shut(false)
				s.wantState(string(lenders.StateUp))
				s.wantNothingLost()
			}
		})
	}
}

// TestStallSuspends holds all bytes back, of data and control, longer than an operation may take.
func TestStallSuspends(t *testing.T) {
	s := newStretch(t, func(*Config) {})
	s.data.Hold()
	s.control.Hold()
	s.wantState(string(lenders.StateSuspended))
	s.until("the session is silent, too", func() bool {
		session, ok := s.engine.donors.Get(0).Session()
		return ok && session.Trouble() != nil
	})
	s.control.Release()
	s.data.Release()
	s.wantState(string(lenders.StateUp))
	s.wantNothingLost()
}

// TestDataKeepsTheSession: a control session that is silent while data flows is not given up.
func TestDataKeepsTheSession(t *testing.T) {
	s := newStretch(t, func(*Config) {})
	session, _ := s.engine.donors.Get(0).Session()
	s.control.Hold()
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); {
		s.use()
		if err := session.Trouble(); err != nil {
			t.Fatalf("given up while data flows: %v", err)
		}
		time.Sleep(20 * time.Millisecond)
	}
	s.control.Release()
	if r := s.engine.report(); r.IO.Failovers != 0 || r.IO.RemoteReads == 0 {
		t.Errorf("%+v", r.IO)
	}
}

// TestGraceIsOver: a donor that does not come back is lost as before.
func TestGraceIsOver(t *testing.T) {
	s := newStretch(t, func(c *Config) { c.Grace = 300 * time.Millisecond })
	s.control.Shut(true)
	s.data.Shut(true)
	s.data.Cut()
	s.wantState(string(lenders.StateDown))
	if r := s.engine.report(); r.IO.Failovers != 3 || r.Pages.Lost != 0 || r.Donors[0].Slabs != 0 || r.Donors[0].Suspended < int64(300*time.Millisecond) {
		t.Errorf("%+v, %+v", r.IO, r.Donors[0])
	}
	s.read(0, 0, 1, 1)
	s.control.Shut(false)
	s.data.Shut(false)
	s.wantState(string(lenders.StateUp))
	s.heat(0)
	s.serves()
}

// TestRestartedDonorIsLostAtOnce: it does not know the session, so there is nothing to wait for.
func TestRestartedDonorIsLostAtOnce(t *testing.T) {
	s := newStretch(t, func(c *Config) { c.Grace = time.Hour })
	s.control.Shut(true) // as after a crash: no goodbye arrives
	s.control.Cut()
	s.wantState(string(lenders.StateSuspended))
	s.donor.kill()
	s.donor.start()
	s.control.Shut(false)
	s.until("the donor is lost, and used again", func() bool {
		kinds := s.kinds()
		return kinds[status.EventDonorLost] == 1 && kinds[status.EventDonorUp] == 2
	})
	if r := s.engine.report(); r.IO.Failovers != 3 || r.IO.Errors != 0 {
		t.Errorf("%+v", r.IO)
	}
}

// TestLateMapIsUndone: a donor that is slow to lend memory loses nothing, and has back what it lent
// too late.
func TestLateMapIsUndone(t *testing.T) {
	l := startLender(t, lenders.TransportTCP)
	began, release := make(chan uint32, 8), make(chan struct{})
	slow := uint32(0)
	l.beforeMap = func(req *control.Map) {
		if req.Slab == slow {
			began <- req.Slab
			<-release
		}
	}
	r := newRig(t, rigOptions{queues: 1, prepare: func(c *Config) { c.Donors = []string{l.address()} }})
	r.heat(1, 2)
	session, _ := r.engine.donors.Get(0).Session()
	ask := func(slab int, within time.Duration) error {
		ctx, cancel := context.WithTimeout(t.Context(), within)
		defer cancel()
		_, err := r.engine.donors.Map(ctx, r.engine.donors.Get(0), session, slab)
		return err
	}
	if err := ask(int(slow), 50*time.Millisecond); err == nil {
		t.Fatal("the donor has answered")
	}
	<-began
	if err := ask(int(slow), time.Minute); err == nil {
		t.Error("the donor is asked again before it has answered")
	}
	if _, err := session.QueryMem(t.Context()); err != nil {
		t.Errorf("a question during a Map: %v", err)
	}
	first, _ := r.engine.pages.Geometry().PageRange(1)
	r.read(0, first, 1, 1)
	close(release)
	r.until("the memory is given back", func() bool { return l.holds() == 2 })
	r.until("the donor lends it to who asks again", func() bool { return ask(int(slow), time.Minute) == nil })
	if s := r.engine.report(); s.IO.Failovers != 0 || s.Donors[0].State != string(lenders.StateUp) || session.Err() != nil {
		t.Errorf("%+v, %+v, %v", s.IO, s.Donors[0], session.Err())
	}
}

// TestHistoryWithStalls cuts connections and holds bytes back under random requests: nobody may see
// an error or a wrong page, and no donor is lost.
func TestHistoryWithStalls(t *testing.T) {
	s := newStretch(t, func(*Config) {})
	if res := s.queue(0).do(ublk.OpDiscard, 0, nil, int(s.cfg.Size)); res != 0 {
		t.Fatalf("discard of all: %d", res)
	}
	h := newHistory(s.rig)
	end := time.Now().Add(*historyTime)
	n := h.during(*historyTime, func() {
		for i := 0; i < 4 || time.Now().Before(end); i++ {
			time.Sleep(100 * time.Millisecond)
			switch i % 4 {
			case 0:
				s.data.Cut()
			case 1:
				s.control.Cut()
			case 2:
				s.data.Hold()
				time.Sleep(800 * time.Millisecond) // longer than an operation may take
				s.data.Release()
			case 3:
				s.data.Cut()
				s.control.Cut()
			}
		}
		s.until("the donor is well", func() bool { return s.state() == string(lenders.StateUp) })
	})
	r := h.engine.report()
	t.Logf("%d requests, %d suspensions: %+v %+v", n, suspensions(r), r.Pages, r.IO)
	if r.IO.Errors != 0 || r.IO.Corrupt != 0 || r.IO.Failovers != 0 || r.Pages.Lost != 0 || suspensions(r) == 0 {
		t.Errorf("%+v", r.IO)
	}
}

// TestSlowMapLosesNothing: the mapper gives up waiting for a donor that is slow to lend memory. The
// donor keeps what it has, and gets the slab once it is quick again.
func TestSlowMapLosesNothing(t *testing.T) {
	l := startLender(t, lenders.TransportTCP)
	began, release := make(chan struct{}, 1), make(chan struct{})
	l.beforeMap = func(req *control.Map) {
		if req.Slab == 0 {
			select {
			case began <- struct{}{}:
			default:
			}
			<-release
		}
	}
	r := newRig(t, rigOptions{queues: 1, prepare: func(c *Config) { c.Donors = []string{l.address()} }})
	r.heat(1, 2)
	r.until("the donor is asked", func() bool {
		r.write(0, 0, 1, 1)
		return len(began) > 0
	})
	r.until("the mapper gives up", func() bool { return r.engine.pages.Slab(0).State == slabmap.Unmapped })
	session, up := r.engine.donors.Get(0).Up()
	if s := r.engine.report(); !up || session.Err() != nil || s.IO.Failovers != 0 || s.Donors[0].Slabs != 2 {
		t.Errorf("%+v, %+v", s.IO, s.Donors[0])
	}
	close(release)
	r.heat(0)
	if n := l.holds(); n != 3 {
		t.Errorf("the donor lends %d slabs", n)
	}
}
