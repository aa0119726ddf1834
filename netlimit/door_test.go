package netlimit_test

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/farswap/farswap/netlimit"
)

// patience is far longer than anything here takes.
const patience = time.Minute

// rig is a listener and both ends of its connections.
type rig struct {
	t *testing.T
	l *netlimit.Listener
}

func newRig(t *testing.T, l netlimit.Limits) *rig {
	t.Helper()
	listener, err := netlimit.Listen("127.0.0.1:0", l)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return &rig{t, listener}
}

// guest is a connection: the peer's end and the server's.
type guest struct {
	net.Conn
	server *netlimit.Conn
}

// dial connects from a loopback address.
func (r *rig) dial(from string) *guest {
	r.t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: patience}
	far, err := dialer.Dial("tcp", r.l.Addr().String())
	if err != nil {
		r.t.Fatal(err)
	}
	near, err := r.l.AcceptConn()
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _, _ = far.Close(), near.Close() })
	return &guest{far, near}
}

// lives says whether a byte still comes through.
func (g *guest) lives(t *testing.T) bool {
	t.Helper()
	_ = g.SetDeadline(time.Now().Add(patience))
	if _, err := g.server.Write([]byte{1}); err != nil {
		if !errors.Is(err, netlimit.ErrEvicted) {
			t.Errorf("write: %v", err)
		}
		if _, err := g.Read(make([]byte, 1)); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("an evicted peer reads %v, want a reset", err)
		}
		return false
	}
	_, err := io.ReadFull(g, make([]byte, 1))
	return err == nil
}

func (r *rig) want(what string, alive bool, guests ...*guest) {
	r.t.Helper()
	for i, g := range guests {
		if g.lives(r.t) != alive {
			r.t.Errorf("%s: connection %d lives: %v, want %v", what, i, !alive, alive)
		}
	}
}

func TestOneOriginDisplacesOnlyItself(t *testing.T) {
	r := newRig(t, netlimit.Limits{Unproven: 100, PerOrigin: 3})
	device := r.dial("127.0.0.2") // the oldest of all
	var strangers []*guest
	for range 10 {
		strangers = append(strangers, r.dial("127.0.0.1"))
	}
	r.want("the device", true, device)
	r.want("the oldest strangers", false, strangers[:7]...)
	r.want("the newest strangers", true, strangers[7:]...)
	if s := r.l.Stats(); s != (netlimit.Stats{Unproven: 4, Evicted: 7}) {
		t.Errorf("%+v", s)
	}
}

// A full house takes the place from the origin that has most.
func TestTheLargestOriginMakesRoom(t *testing.T) {
	r := newRig(t, netlimit.Limits{Unproven: 4})
	device := r.dial("127.0.0.2")
	strangers := []*guest{r.dial("127.0.0.3"), r.dial("127.0.0.4"), r.dial("127.0.0.3")}
	second := r.dial("127.0.0.5")
	r.want("the oldest of the largest origin", false, strangers[0])
	r.want("the others", true, device, second, strangers[1], strangers[2])
	third := r.dial("127.0.0.6") // now each origin has one: the oldest goes
	r.want("the oldest", false, device)
	r.want("the rest", true, second, third, strangers[1], strangers[2])
}

func TestProvenStay(t *testing.T) {
	r := newRig(t, netlimit.Limits{Unproven: 1, Proven: 3, ProvenPerOrigin: 2})
	prove := func(g *guest, want error) {
		t.Helper()
		if err := g.server.Prove(); !errors.Is(err, want) {
			t.Errorf("prove: %v, want %v", err, want)
		}
	}
	a, b := r.dial("127.0.0.2"), (*guest)(nil)
	prove(a, nil)
	prove(a, nil)
	b = r.dial("127.0.0.2")
	prove(b, nil)
	c := r.dial("127.0.0.2")
	prove(c, netlimit.ErrFull) // for this origin
	d := r.dial("127.0.0.3")
	r.want("unproven", false, c)
	prove(c, netlimit.ErrEvicted)
	prove(d, nil)
	e := r.dial("127.0.0.4")
	prove(e, netlimit.ErrFull) // for all
	r.want("proven", true, a, b, d)
	a.server.Idle()
	r.want("the unproven one before", false, e)
	r.want("the idle one", true, a)
	if err := b.server.Close(); err != nil {
		t.Error(err)
	}
	prove(b, net.ErrClosed)
	prove(a, nil)
	if s := r.l.Stats(); s != (netlimit.Stats{Proven: 2, Evicted: 2}) {
		t.Errorf("%+v", s)
	}
}

func TestOrigins(t *testing.T) {
	for remote, want := range map[string]string{
		"10.0.0.1:5":                  "10.0.0.1",
		"10.0.0.1":                    "10.0.0.1",
		"[::ffff:10.0.0.1]:7":         "10.0.0.1",
		"[2001:db8:1:2:3:4:5:6]:1":    "2001:db8:1:2::/64",
		"[2001:db8:1:2:ffff::]:99":    "2001:db8:1:2::/64",
		"[fe80::1%eth0]:1":            "fe80::/64",
		"":                            "unknown",
		"/run/farswap/some.sock":      "unknown",
		"mem1.example.org:9400":       "unknown",
		"[2001:db8:1:3::1]:1":         "2001:db8:1:3::/64",
		"2001:db8:1:3:5:6:7:8":        "2001:db8:1:3::/64",
		"127.0.0.1:999999999999":      "127.0.0.1",
		"[2001:db8:1:2:3:4:5:6%x]:80": "2001:db8:1:2::/64",
	} {
		if got := netlimit.OriginOf(remote).String(); got != want {
			t.Errorf("%q: %s, want %s", remote, got, want)
		}
	}
}
