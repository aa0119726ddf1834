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
	if s := r.l.Stats(); s.Evicted != 40 || s.Unproven != 2 {
		t.Errorf("%+v", s)
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
