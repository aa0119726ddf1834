package control

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"
)

// quick finds a lost peer within the time of a test.
var quick = Timing{Handshake: 2 * time.Second, Ping: 40 * time.Millisecond, Missed: 15, Call: 2 * time.Second}

// donorStub is a Service that lends nothing and remembers its calls.
type donorStub struct {
	welcome *Welcome
	handler Handler
	refuse  error

	mu       sync.Mutex // guards the fields below
	admitted []*Session
	ended    map[*Session]error
	hello    *Hello
}

func (d *donorStub) Admit(_ context.Context, s *Session, hello *Hello) (*Welcome, Handler, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.refuse != nil {
		return nil, nil, d.refuse
	}
	d.admitted, d.hello = append(d.admitted, s), hello
	w := d.welcome
	if w == nil {
		w = &Welcome{Session: 1, Name: "stub", Secret: Secret{1}, Data: []Endpoint{{"tcp", ":9401"}}}
	}
	return w, d.handler, nil
}

func (d *donorStub) Ended(s *Session) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ended == nil {
		d.ended = map[*Session]error{}
	}
	d.ended[s] = s.Err()
}

func (d *donorStub) session() *Session {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.admitted[len(d.admitted)-1]
}

// site is a donor that serves on a loopback port.
type site struct {
	addr     string
	stop     func() // idempotent
	mu       sync.Mutex
	rejected []error // guarded by mu
}

func (s *site) rejections() []error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rejected
}

func serveOn(t *testing.T, svc Service, cfg ListenConfig) *site {
	t.Helper()
	st := &site{}
	cfg.Rejected = func(_ string, err error) {
		st.mu.Lock()
		defer st.mu.Unlock()
		st.rejected = append(st.rejected, err)
	}
	l, err := Listen("127.0.0.1:0", cfg)
	if err != nil {
		t.Fatal(err)
	}
	st.addr = l.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := l.Serve(ctx, svc); err != nil {
			t.Error(err)
		}
	}()
	st.stop = func() { cancel(); <-done }
	t.Cleanup(st.stop)
	return st
}

func dialConfig() DialConfig {
	return DialConfig{Device: NewUUID(), Name: "dev", SlabSize: MinSlab, Insecure: true, Timing: quick}
}

func mustDial(t *testing.T, addr string, cfg DialConfig) *Session {
	t.Helper()
	s, err := Dial(t.Context(), addr, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for range 1000 {
		if ok() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("never: %s", what)
}

// lentKeys are the keys that lender grants, by transport.
var lentKeys = map[string]uint64{"": 41, "tcp": 42, "rdma": 43}

// lender answers every request of a device with something valid.
func lender(_ context.Context, req Message) (Message, error) {
	switch req := req.(type) {
	case *QueryMem:
		return &FreeMem{Free: 1, Total: 3, Used: 2, Mapped: 2}, nil
	case *Map:
		if req.Slab == 13 {
			return nil, fmt.Errorf("slab %d: %w", req.Slab, ErrNoMemory)
		}
		return &MRInfo{Slab: req.Slab, Key: lentKeys[req.Transport], Bytes: req.Bytes}, nil
	case *Unmap:
		return &Done{Slab: req.Slab}, nil
	}
	return nil, ErrUnsupported
}

// exercise makes every call in both directions.
func exercise(t *testing.T, device, donor *Session) {
	t.Helper()
	ctx := t.Context()
	if m, err := device.QueryMem(ctx); err != nil || m.Total != 3 {
		t.Errorf("QueryMem: %+v, %v", m, err)
	}
	for transport, key := range lentKeys {
		if m, err := device.Map(ctx, 7, MinSlab, false, transport); err != nil || m.Key != key {
			t.Errorf("Map over %q: %+v, %v", transport, m, err)
		}
	}
	if _, err := device.Map(ctx, 7, MinSlab, false, "over the top"); !errors.Is(err, ErrInvalid) {
		t.Errorf("Map over no name: %v", err)
	}
	_, err := device.Map(ctx, 13, MinSlab, false, "")
	if failure := new(Failure); !errors.Is(err, ErrNoMemory) || !errors.As(err, &failure) || failure.Text != "slab 13: no memory to lend" {
		t.Errorf("Map without memory: %v", err)
	}
	if err := device.Unmap(ctx, 7); err != nil {
		t.Error(err)
	}
	if _, err := device.Call(ctx, &Ping{}); err != nil {
		t.Error(err)
	}
	if a, err := donor.CheckActivity(ctx, []uint32{3, 4}); err != nil || a[0] != 3 || a[1] != 4 {
		t.Errorf("CheckActivity: %v, %v", a, err)
	}
	if err := donor.Evict(ctx, []uint32{3, 4}, true); err != nil {
		t.Errorf("Evict: %v", err)
	}
	if err := donor.Evict(ctx, []uint32{13}, false); !errors.Is(err, ErrBusy) {
		t.Errorf("Evict of what the device refuses: %v", err)
	}
	if err := device.Evict(ctx, []uint32{3}, false); !errors.Is(err, ErrUnsupported) {
		t.Errorf("a donor was asked to give slabs back: %v", err)
	}
	if _, err := donor.Call(ctx, &QueryMem{}); !errors.Is(err, ErrUnsupported) {
		t.Errorf("a device was asked for memory: %v", err)
	}
	if _, err := device.Call(ctx, &Pong{}); !errors.Is(err, ErrInvalid) {
		t.Errorf("call of an answer: %v", err)
	}
}

// activity answers each slab's number as its activity.
func activity(_ context.Context, req Message) (Message, error) {
	if e, ok := req.(*Evict); ok {
		if e.Slabs[0] == 13 || !e.Urgent {
			return nil, ErrBusy
		}
		return &Evicting{}, nil
	}
	q, ok := req.(*CheckActivity)
	if !ok {
		return nil, ErrUnsupported
	}
	a := &Activity{}
	for _, s := range q.Slabs {
		a.PerSecond = append(a.PerSecond, float64(s))
	}
	return a, nil
}

func TestSessionInsecure(t *testing.T) {
	checkFDs(t)
	donor := &donorStub{handler: HandlerFunc(lender)}
	st := serveOn(t, donor, ListenConfig{Insecure: true, Timing: quick})
	cfg := dialConfig()
	cfg.Handler = HandlerFunc(activity)
	s := mustDial(t, st.addr, cfg)
	exercise(t, s, donor.session())
	if got := s.DataAddress("tcp"); got != "127.0.0.1:9401" {
		t.Errorf("data address %q", got)
	}
	if got := s.DataAddress("rdma"); got != "" {
		t.Errorf("address of a transport that is not there: %q", got)
	}
	if donor.hello.Device != cfg.Device || donor.hello.Name != "dev" || s.Peer().Name != "" {
		t.Errorf("hello %+v, peer %v", donor.hello, s.Peer())
	}
	if err := s.Close(); err != nil || !errors.Is(s.Err(), ErrClosed) {
		t.Errorf("close: %v, %v", err, s.Err())
	}
	if _, err := s.QueryMem(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("call after close: %v", err)
	}
	eventually(t, "the donor sees the end", func() bool {
		donor.mu.Lock()
		defer donor.mu.Unlock()
		return errors.Is(donor.ended[donor.admitted[0]], ErrPeerClosed)
	})
}

func TestSessionTLS(t *testing.T) {
	checkFDs(t)
	ca := newCA(t)
	donor := &donorStub{handler: HandlerFunc(lender)}
	st := serveOn(t, donor, ListenConfig{Identity: identity(t, ca, "donor-1", "127.0.0.1"), Timing: quick})
	cfg := dialConfig()
	cfg.Insecure, cfg.Identity, cfg.Handler = false, identity(t, ca, "device-1"), HandlerFunc(activity)
	s := mustDial(t, st.addr, cfg)
	exercise(t, s, donor.session())
	if s.Peer().Name != "donor-1" || donor.session().Peer().Name != "device-1" {
		t.Errorf("peers %v and %v", s.Peer(), donor.session().Peer())
	}
	st.stop()
	<-s.Done()
	if !errors.Is(s.Err(), ErrPeerClosed) {
		t.Errorf("after the donor's end: %v", s.Err())
	}
	if _, err := Dial(t.Context(), st.addr, cfg); err == nil {
		t.Error("dialled a donor that is gone")
	}
}

// TestSessionPipe runs a session without a buffer between the two sides. So it finds every place
// where both sides would wait to write.
func TestSessionPipe(t *testing.T) {
	donor := &donorStub{handler: HandlerFunc(lender)}
	l := &Listener{cfg: ListenConfig{Timing: quick}, sessions: map[*Session]struct{}{}}
	a, b := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.serve(context.Background(), b, donor)
	}()
	ctx, cancel := context.WithTimeout(t.Context(), quick.Handshake)
	defer cancel()
	hello := &Hello{Device: NewUUID(), Name: "dev", SlabSize: MinSlab}
	s, err := open(ctx, a, redial{"pipe", "pipe", hello, DialConfig{Timing: quick, Handler: HandlerFunc(activity)}})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { exercise(t, s, donor.session()) })
	}
	wg.Wait()
	_ = s.Close()
	<-done
}

func TestHeldListOfManyPages(t *testing.T) {
	held := make([]uint32, 2*MaxList+5)
	for i := range held {
		held[i] = uint32(3 * i)
	}
	donor := &donorStub{welcome: &Welcome{
		Session: 1, Name: "stub", Secret: Secret{1}, Data: []Endpoint{{"tcp", ":1"}}, Held: held,
	}}
	st := serveOn(t, donor, ListenConfig{Insecure: true, Timing: quick})
	s := mustDial(t, st.addr, dialConfig())
	if got := s.Welcome().Held; fmt.Sprint(got) != fmt.Sprint(held) {
		t.Errorf("%d slabs of %d", len(got), len(held))
	}
}

func TestRefusalReachesTheDevice(t *testing.T) {
	donor := &donorStub{refuse: fmt.Errorf("device: %w", ErrRefused)}
	st := serveOn(t, donor, ListenConfig{Insecure: true, Timing: quick})
	if _, err := Dial(t.Context(), st.addr, dialConfig()); !errors.Is(err, ErrRefused) {
		t.Errorf("dial: %v", err)
	}
	eventually(t, "the donor notes it", func() bool { return len(st.rejections()) == 1 })
}

func TestAbortTellsThePeer(t *testing.T) {
	donor := &donorStub{}
	st := serveOn(t, donor, ListenConfig{Insecure: true, Timing: quick})
	s := mustDial(t, st.addr, dialConfig())
	donor.session().Abort(fmt.Errorf("%w", ErrSuperseded))
	<-s.Done()
	if err := s.Err(); !errors.Is(err, ErrSuperseded) || !errors.Is(err, ErrPeerClosed) {
		t.Errorf("ended with %v", err)
	}
}

func TestCallTimesOut(t *testing.T) {
	release := make(chan struct{})
	donor := &donorStub{handler: HandlerFunc(func(ctx context.Context, req Message) (Message, error) {
		select {
		case <-release:
		case <-ctx.Done():
		}
		return lender(ctx, req)
	})}
	st := serveOn(t, donor, ListenConfig{Insecure: true, Timing: quick})
	s := mustDial(t, st.addr, dialConfig())
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, err := s.QueryMem(ctx); !errors.Is(err, ErrTimeout) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("call: %v", err)
	}
	// A handler that hangs does not silence the session, and its late answer does no harm.
	time.Sleep(2 * quick.silence())
	close(release)
	if _, err := s.QueryMem(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestHandlerMistakesStayLocal(t *testing.T) {
	donor := &donorStub{handler: HandlerFunc(func(_ context.Context, req Message) (Message, error) {
		switch req.(type) {
		case *Unmap:
			return &Pong{}, nil // not the answer
		case *Map:
			return &MRInfo{}, nil // not valid
		}
		return nil, nil
	})}
	st := serveOn(t, donor, ListenConfig{Insecure: true, Timing: quick})
	s := mustDial(t, st.addr, dialConfig())
	for range 2 {
		if err := s.Unmap(t.Context(), 1); !errors.Is(err, ErrInternal) {
			t.Error(err)
		}
		if _, err := s.Map(t.Context(), 1, MinSlab, false, ""); !errors.Is(err, ErrInternal) {
			t.Error(err)
		}
		if _, err := s.QueryMem(t.Context()); !errors.Is(err, ErrInternal) {
			t.Error(err)
		}
	}
}

func TestCodes(t *testing.T) {
	for _, c := range codes {
		f := failureOf(fmt.Errorf("wrapped: %w", c.err))
		if f.Code != c.code || !errors.Is(f, c.err) {
			t.Errorf("%v became %+v", c.err, f)
		}
	}
	if f := failureOf(errors.New("other\nline\x1b[2J")); f.Code != 1 || f.Text != "other line [2J" {
		t.Errorf("unknown error became %+v", f)
	}
	if f := (&Failure{Code: 60000}); !errors.Is(f, ErrInternal) {
		t.Error("a code of the future is no error")
	}
}
