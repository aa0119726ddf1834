package tcp

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/farswap/farswap/verbs"
)

// TestServerGoesOnElsewhere: another server takes over the socket, the session and the key. What connects
// meanwhile waits, and is served under the key of before.
func TestServerGoesOnElsewhere(t *testing.T) {
	r := newRig(t, Config{Threads: 2}, verbs.QPConfig{})
	copy(r.remote, bytes.Repeat([]byte{7}, page))
	file, err := r.server.Socket()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	half, err := net.Dial("tcp", r.server.Address()) // its handshake is under way
	if err != nil {
		t.Fatal(err)
	}
	defer half.Close()
	if _, err := io.ReadFull(half, make([]byte, format.GreetingSize())); err != nil {
		t.Fatal(err)
	}
	address := r.server.Address()
	if err := r.server.Close(); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(half); len(rest) > 0 {
		t.Errorf("a device in the middle of the handshake got a verdict: %x, %v", rest, err)
	}
	connected := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		c, err := r.dev.Connect(ctx, address, r.cred, at(1, 1))
		if err == nil {
			err = c.Close()
		}
		connected <- err
	}()
	l, err := net.FileListener(file)
	if err != nil {
		t.Fatal(err)
	}
	next, err := Listen("not looked at", Config{Threads: 2, Socket: l.(*net.TCPListener)})
	if err != nil {
		t.Fatal(err)
	}
	defer next.Close()
	if next.Address() != address {
		t.Errorf("at %s, before at %s", next.Address(), address)
	}
	if err := next.Restore(r.cred.Session, r.grant.Key, r.remote); !errors.Is(err, verbs.ErrNoSession) {
		t.Errorf("a key without its session: %v", err)
	}
	if err := next.Admit(r.cred); err != nil {
		t.Fatal(err)
	}
	if err := next.Restore(r.cred.Session, r.grant.Key, r.remote); err != nil {
		t.Fatal(err)
	}
	if err := next.Restore(r.cred.Session, r.grant.Key, r.remote); !errors.Is(err, verbs.ErrNoKey) {
		t.Errorf("a key twice: %v", err)
	}
	select {
	case err := <-connected:
		t.Errorf("a device connected before the server began: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	next.Begin()
	next.Begin()
	if err := <-connected; err != nil {
		t.Fatal(err)
	}
	qp := r.connect(t, at(2, 1), nil)
	if got := r.do(t, qp, r.read(r.local[:page], 0)); got[0] != verbs.StatusOK || !bytes.Equal(r.local[:page], r.remote[:page]) {
		t.Error(got, qp.Err())
	}
	r.end(t, qp)
}

// TestClosedServerGivesNoVerdict: a device in the middle of a handshake must not believe that its session is
// unknown, because another process may go on with it.
func TestClosedServerGivesNoVerdict(t *testing.T) {
	r := newRig(t, Config{Threads: 1}, verbs.QPConfig{})
	if err := r.server.Close(); err != nil {
		t.Fatal(err)
	}
	ours, theirs := net.Pipe()
	defer theirs.Close()
	heard := make(chan error, 1)
	go func() { heard <- introduce(theirs, r.cred, at(1, 1)) }()
	if _, err := r.server.authenticate(t.Context(), ours, func() error { return nil }); !errors.Is(err, verbs.ErrClosed) {
		t.Errorf("the server: %v", err)
	}
	_ = ours.Close()
	if err := <-heard; err == nil || errors.Is(err, verbs.ErrRefused) {
		t.Errorf("the device: %v", err)
	}
}
