package control

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/farswap/farswap/internal/proxytest"
)

// keeper is a Service that keeps one session.
type keeper struct {
	handler Handler
	alive   func() time.Time
	forgets atomic.Bool // knows no session that is resumed
	fresh   atomic.Bool // opens another session instead, as an earlier release does
	nothing atomic.Bool // grants no grace time

	mu     sync.Mutex // guards the fields below
	hellos []Hello
	last   *Session
	ended  int
}

func (k *keeper) Admit(_ context.Context, s *Session, hello *Hello) (*Welcome, Handler, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.hellos = append(k.hellos, *hello)
	w := &Welcome{Session: 7, Name: "keeper", Secret: Secret{1}, Data: []Endpoint{{"tcp", ":9401"}}, Grace: hello.Grace}
	switch {
	case k.nothing.Load():
		w.Grace = 0
	case hello.Resume == 0:
	case k.fresh.Load():
		w.Session, w.Grace = 8, 0
	case k.forgets.Load() || hello.Resume != 7:
		return nil, nil, ErrNoSession
	default:
		w.Resumed = true
	}
	s.Alive = k.alive
	k.last = s
	return w, k.handler, nil
}

func (k *keeper) Ended(*Session) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.ended++
}

func (k *keeper) session() *Session {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.last
}

// keep serves a keeper behind a proxy, and opens a session with it.
func keep(t *testing.T, k *keeper, change func(*DialConfig)) (*Session, *proxytest.Proxy) {
	t.Helper()
	if k.handler == nil {
		k.handler = HandlerFunc(lender)
	}
	st := serveOn(t, k, ListenConfig{Insecure: true, Timing: quick})
	p := proxytest.Start(t, st.addr)
	cfg := dialConfig()
	cfg.Grace, cfg.Handler = time.Minute, HandlerFunc(activity)
	change(&cfg)
	return mustDial(t, p.Addr(), cfg), p
}

func asDialled(*DialConfig) {}

func TestResume(t *testing.T) {
	checkFDs(t)
	k := &keeper{}
	s, p := keep(t, k, asDialled)
	if s.Grace() != time.Minute {
		t.Errorf("granted %v", s.Grace())
	}
	for range 3 {
		exercise(t, s, k.session())
		p.Cut()
		<-s.Cut()
		if s.Err() != nil || !errors.Is(s.Trouble(), ErrPeerLost) {
			t.Fatalf("suspended: %v, %v", s.Err(), s.Trouble())
		}
		if _, err := s.QueryMem(t.Context()); !errors.Is(err, ErrPeerLost) {
			t.Errorf("call of a suspended session: %v", err)
		}
		if err := s.Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	exercise(t, s, k.session())
	last := k.hellos[len(k.hellos)-1]
	if first := k.hellos[0]; first.Resume != 0 || last.Resume != 7 || last.Device != first.Device || last.Grace != 60_000 {
		t.Errorf("hellos %+v and %+v", first, last)
	}
	_ = s.Close()
	<-s.Done()
	if err := s.Resume(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("resume after close: %v", err)
	}
}

// TestResumeTakesTheDeadlineGiven has a donor that answers after more than the handshake's
// usual time, to a caller that has more.
func TestResumeTakesTheDeadlineGiven(t *testing.T) {
	const usual = 50 * time.Millisecond
	s, p := keep(t, &keeper{}, asDialled)
	p.Hold()
	p.Cut()
	<-s.Cut()
	s.timing.Handshake = usual
	if err := s.Resume(t.Context()); !errors.Is(err, ErrTimeout) {
		t.Fatalf("without a deadline: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	time.AfterFunc(4*usual, p.Release)
	if err := s.Resume(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestResumeIsRefused(t *testing.T) {
	for name, prepare := range map[string]func(*keeper){
		"unknown there":   func(k *keeper) { k.forgets.Store(true) },
		"earlier release": func(k *keeper) { k.fresh.Store(true) },
	} {
		k := &keeper{}
		s, p := keep(t, k, asDialled)
		prepare(k)
		p.Cut()
		<-s.Cut()
		if err := s.Resume(t.Context()); !errors.Is(err, ErrNoSession) {
			t.Errorf("%s: %v", name, err)
		}
		s.Abort(ErrNoSession)
		<-s.Done()
		if !errors.Is(s.Err(), ErrNoSession) {
			t.Errorf("%s: ended with %v", name, s.Err())
		}
	}
}

// TestNoGrace: without a grace time the end of the connection is the end of the session.
func TestNoGrace(t *testing.T) {
	k := &keeper{}
	k.nothing.Store(true)
	s, p := keep(t, k, asDialled)
	p.Cut()
	<-s.Done()
	if !errors.Is(s.Err(), ErrPeerLost) {
		t.Errorf("ended with %v", s.Err())
	}
	if err := s.Resume(t.Context()); !errors.Is(err, ErrPeerLost) {
		t.Errorf("resume: %v", err)
	}
}

// TestGoodbyeEndsASession: a donor that ends the session in good order is not asked to resume it.
func TestGoodbyeEndsASession(t *testing.T) {
	k := &keeper{}
	s, _ := keep(t, k, asDialled)
	k.session().Abort(ErrSuperseded)
	<-s.Cut()
	if err := s.Err(); !errors.Is(err, ErrSuperseded) {
		t.Errorf("ended with %v", err)
	}
}

func TestCloseDuringResume(t *testing.T) {
	checkFDs(t)
	k := &keeper{}
	s, p := keep(t, k, asDialled)
	p.Hold()
	p.Cut()
	<-s.Cut()
	resumed := make(chan error)
	go func() { resumed <- s.Resume(t.Context()) }()
	_ = s.Close()
	p.Release()
	if err := <-resumed; !errors.Is(err, ErrClosed) {
		t.Errorf("resume: %v", err)
	}
}

// TestDataIsLife: neither side gives a peer up that is silent here and heard elsewhere.
func TestDataIsLife(t *testing.T) {
	var flows atomic.Bool
	flows.Store(true)
	heard := func() time.Time {
		if flows.Load() {
			return time.Now()
		}
		return time.Time{}
	}
	k := &keeper{alive: heard}
	s, p := keep(t, k, func(c *DialConfig) { c.Alive = heard })
	donor := k.session()
	p.Hold()
	for begun := time.Now(); time.Since(begun) < 3*quick.silence(); time.Sleep(quick.Ping) {
		if s.Trouble() != nil || donor.Err() != nil {
			t.Fatalf("given up: %v, %v", s.Trouble(), donor.Err())
		}
	}
	p.Release()
	if _, err := s.QueryMem(t.Context()); err != nil {
		t.Error(err)
	}
	p.Hold()
	flows.Store(false)
	<-s.Cut()
	<-donor.Done()
	if !errors.Is(s.Trouble(), ErrPeerLost) || !errors.Is(donor.Err(), ErrPeerLost) {
		t.Errorf("ended with %v, %v", s.Trouble(), donor.Err())
	}
}

// TestQuestionsDoNotWait: a Map that takes long holds up another Map, and no question.
func TestQuestionsDoNotWait(t *testing.T) {
	mapping, release := make(chan struct{}, 2), make(chan struct{})
	k := &keeper{handler: HandlerFunc(func(ctx context.Context, req Message) (Message, error) {
		if _, ok := req.(*Map); ok {
			mapping <- struct{}{}
			<-release
		}
		return lender(ctx, req)
	})}
	s, _ := keep(t, k, func(c *DialConfig) { c.Timing.Call = 50 * time.Millisecond })
	mapped := make(chan error)
	go func() {
		_, err := s.Map(t.Context(), 1, MinSlab, false, "tcp")
		mapped <- err
	}()
	<-mapping
	for range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), quick.Handshake)
		_, err := s.Call(ctx, &Ping{})
		cancel()
		if err != nil {
			t.Fatalf("ping during a Map: %v", err)
		}
	}
	question := make(chan error)
	go func() {
		_, err := s.current().call(t.Context(), &QueryMem{})
		question <- err
	}()
	if err := <-question; err != nil {
		t.Errorf("question during a Map: %v", err)
	}
	time.Sleep(2 * 50 * time.Millisecond) // longer than a call may take
	close(release)
	if err := <-mapped; err != nil {
		t.Errorf("a Map that takes longer than a call: %v", err)
	}
}
