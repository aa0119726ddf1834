package path

import (
	"errors"
	"testing"

	"github.com/farswap/farswap/uring"
	"github.com/farswap/farswap/verbs"
)

// fakeConn is a connection, and its queue pair, on which nothing is ever outstanding.
type fakeConn struct {
	verbs.QP
	state  verbs.State
	notify func()
}

func (c *fakeConn) Attach(_ *uring.Loop, notify func()) (verbs.QP, error) {
	c.state, c.notify = verbs.StateReady, notify
	return c, nil
}
func (c *fakeConn) Close() error                { c.state = verbs.StateClosed; return nil }
func (c *fakeConn) State() verbs.State          { return c.state }
func (c *fakeConn) Err() error                  { return verbs.ErrTransport }
func (c *fakeConn) Outstanding() int            { return 0 }
func (c *fakeConn) Poll([]verbs.Completion) int { return 0 }
func (c *fakeConn) Fail(error)                  { c.state = verbs.StateError }

func newTestLink(t *testing.T) *link {
	t.Helper()
	return newLink(&queue{Shared: NewShared(Config{Barrier: new(Barrier)}, 1)}, 3)
}

// TestLinkRaisesAndLowers goes through what can become of a connection.
func TestLinkRaisesAndLowers(t *testing.T) {
	l := newTestLink(t)
	lost := make(chan error, 1)
	attach := func(c *fakeConn) chan error {
		result := make(chan error, 1)
		l.attach(attachment{c, lost, result})
		return result
	}
	expect := func(when string, ready, up bool) {
		t.Helper()
		if l.ready() != ready || l.Barrier.Up(3) != up {
			t.Errorf("%s: ready %t, barrier up %t", when, l.ready(), l.Barrier.Up(3))
		}
	}
	first, second, third := new(fakeConn), new(fakeConn), new(fakeConn)
	if err := <-attach(first); err != nil {
		t.Fatal(err)
	}
	expect("attached", true, false)
	first.Fail(nil)
	l.poll()
	expect("failed", false, true)
	if err := <-lost; !errors.Is(err, verbs.ErrTransport) {
		t.Error(err)
	}
	if err := <-attach(second); err != nil {
		t.Fatal(err)
	}
	expect("attached again", true, false)
	result := attach(third)
	expect("its successor is there", false, true)
	l.poll()
	if err := <-result; err != nil {
		t.Fatal(err)
	}
	expect("replaced", true, false)
	third.Fail(nil)
	l.poll()
	gone := make(chan struct{})
	l.drop(gone)
	<-gone
	expect("dropped", false, false)
	select {
	case err := <-lost:
		if !errors.Is(err, verbs.ErrTransport) {
			t.Error(err)
		}
	default:
		t.Error("nobody heard of the last failure")
	}
}

// TestDropRefusesWhatIsComing: the connection stays with whoever brought it.
func TestDropRefusesWhatIsComing(t *testing.T) {
	l := newTestLink(t)
	result := make(chan error, 2)
	l.attach(attachment{new(fakeConn), nil, result})
	l.attach(attachment{new(fakeConn), nil, result})
	gone := make(chan struct{})
	l.drop(gone)
	l.poll()
	<-gone
	if err := <-result; err != nil {
		t.Error(err)
	}
	if err := <-result; !errors.Is(err, verbs.ErrClosed) {
		t.Error(err)
	}
	if l.Barrier.Up(3) {
		t.Error("the barrier is up")
	}
}

// TestAttachAllocatesNothing: connections come just when memory is short.
func TestAttachAllocatesNothing(t *testing.T) {
	l := newTestLink(t)
	conn, lost, result := new(fakeConn), make(chan error, 1), make(chan error, 1)
	if n := testing.AllocsPerRun(100, func() {
		l.attach(attachment{conn, lost, result})
		<-result
		conn.Fail(nil)
		l.poll()
		<-lost
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	q := &Queue{queue: queue{links: make([]*link, 0, MaxDonors)}}
	if n := testing.AllocsPerRun(MaxDonors-2, func() { q.addLink(l) }); n != 0 {
		t.Errorf("%v allocations for a link", n)
	}
}
