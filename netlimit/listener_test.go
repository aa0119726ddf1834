package netlimit_test

import (
	"net"
	"testing"
	"time"

	"github.com/farswap/farswap/netlimit"
)

// dialOnly connects from a loopback address. Nobody accepts.
func (r *rig) dialOnly(from string) net.Conn {
	r.t.Helper()
	far, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: patience}).Dial("tcp", r.l.Addr().String())
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = far.Close() })
	return far
}

func (r *rig) accept() *netlimit.Conn {
	r.t.Helper()
	c, err := r.l.AcceptConn()
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = c.Close() })
	return c
}

// A peer waits for one stranger at most, however many have come before it. The strangers that do not fit are
// reset.
func TestAPeerDoesNotWaitBehindStrangers(t *testing.T) {
	r := newRig(t, netlimit.Limits{Unproven: 100, PerOrigin: 10, PerSecond: 20, AtOnce: 1})
	var strangers []net.Conn
	for range 50 {
		strangers = append(strangers, r.dialOnly("127.0.0.1"))
	}
	peer := r.dialOnly("127.0.0.2")
	r.accept()
	if c := r.accept(); c.RemoteAddr().String() != peer.LocalAddr().String() {
		t.Errorf("%v is let in before the peer", c.RemoteAddr())
	}
	_ = strangers[0].SetDeadline(time.Now().Add(patience))
	if _, err := strangers[0].Read(make([]byte, 1)); err == nil || isTimeout(err) {
		t.Errorf("the oldest stranger reads %v, want a reset", err)
	}
	if s := r.l.Stats(); s.Evicted != 10 || s.Unproven != 2 {
		t.Errorf("%+v", s)
	}
}

// Who waited longer does not displace who came later and was let in first.
func TestTheStaleDoNotDisplaceTheFresh(t *testing.T) {
	r := newRig(t, netlimit.Limits{Unproven: 100, PerOrigin: 2, PerSecond: 1000, AtOnce: 1000})
	one, two := r.dialOnly("127.0.0.1"), r.dialOnly("127.0.0.1")
	old := r.accept() // brings both in; the newest goes first
	fresh := &guest{r.dialOnly("127.0.0.1"), nil}
	fresher := &guest{r.dialOnly("127.0.0.1"), nil}
	if old.RemoteAddr().String() != two.LocalAddr().String() {
		t.Fatalf("%v is let in first, want %v", old.RemoteAddr(), two.LocalAddr())
	}
	r.accept() // the one that waits: it came before, and has a place
	for _, g := range []*guest{fresher, fresh} {
		if g.server = r.accept(); g.server.RemoteAddr().String() != g.LocalAddr().String() {
			t.Fatalf("%v is let in, want %v", g.server.RemoteAddr(), g.LocalAddr())
		}
	}
	r.want("the newest", true, fresh, fresher)
	for _, stale := range []net.Conn{one, two} {
		_ = stale.SetDeadline(time.Now().Add(patience))
		if _, err := stale.Read(make([]byte, 1)); err == nil || isTimeout(err) {
			t.Errorf("a stale connection reads %v, want a reset", err)
		}
	}
}

func isTimeout(err error) bool {
	e, ok := err.(net.Error)
	return ok && e.Timeout()
}

// What is written before a connection is closed arrives, also where the connection has waited.
func TestTheLastWordsArrive(t *testing.T) {
	r := newRig(t, netlimit.Limits{Unproven: 100, PerSecond: 100, AtOnce: 100})
	peers := []net.Conn{r.dialOnly("127.0.0.1"), r.dialOnly("127.0.0.1"), r.dialOnly("127.0.0.1")}
	for range peers {
		c := r.accept()
		if _, err := c.Write([]byte("refused")); err != nil {
			t.Error(err)
		}
		_ = c.Close()
	}
	for _, p := range peers {
		_ = p.SetDeadline(time.Now().Add(patience))
		b := make([]byte, 16)
		if n, err := p.Read(b); err != nil || string(b[:n]) != "refused" {
			t.Errorf("a peer reads %q, %v", b[:n], err)
		}
	}
}

// Closing the listener ends who accepts, also while connections are held back, and those are reset.
func TestCloseWhileStrangersWait(t *testing.T) {
	r := newRig(t, netlimit.Limits{Unproven: 10, PerSecond: 1, AtOnce: 1})
	waiting := r.dialOnly("127.0.0.1")
	r.dialOnly("127.0.0.1")
	r.accept() // the newest; it takes the token
	done := make(chan error, 1)
	go func() {
		for {
			c, err := r.l.AcceptConn()
			if err != nil {
				done <- err
				return
			}
			_ = c.Close()
		}
	}()
	if err := r.l.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; err == nil {
		t.Error("AcceptConn goes on")
	}
	_ = waiting.SetDeadline(time.Now().Add(patience))
	if _, err := waiting.Read(make([]byte, 1)); err == nil || isTimeout(err) {
		t.Errorf("a connection that waits reads %v, want its end", err)
	}
}
