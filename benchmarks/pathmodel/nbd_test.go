package pathmodel

import (
	"bytes"
	"context"
	"errors"
	"net"
	"testing"

	"github.com/farswap/farswap/ublk"
)

func TestRequestsAndReplies(t *testing.T) {
	var b [nbdRequestBytes]byte
	for _, want := range []nbdRequest{{true, 7, 1 << 40, pageSize}, {false, 1<<64 - 1, 0, 1}} {
		want.put(b[:])
		if got, err := parseRequest(b[:]); got != want || err != nil {
			t.Errorf("%+v: %+v, %v", want, got, err)
		}
	}
	for name, at := range map[string]int{"magic": 0, "command": 7} {
		nbdRequest{}.put(b[:])
		b[at] ^= 0x40
		if _, err := parseRequest(b[:]); !errors.Is(err, errProtocol) {
			t.Errorf("another %s: %v", name, err)
		}
	}
	var r [nbdReplyBytes]byte
	want := nbdReply{errno: 5, cookie: 3}
	want.put(r[:])
	if got, err := parseReply(r[:]); got != want || err != nil {
		t.Errorf("%+v, %v", got, err)
	}
	r[3] ^= 1
	if _, err := parseReply(r[:]); !errors.Is(err, errProtocol) {
		t.Errorf("another magic: %v", err)
	}
}

// TestGreeting has both parts of the handshake meet, and then strangers.
func TestGreeting(t *testing.T) {
	client, server := net.Pipe()
	told := make(chan error, 1)
	go func() { told <- greetClient(server, MinSize) }()
	size, err := greetServer(client)
	if err := errors.Join(err, <-told); err != nil || size != MinSize {
		t.Errorf("size %d, %v", size, err)
	}
	answer := func(b []byte) *conversation { return &conversation{Reader: bytes.NewReader(b)} }
	if _, err := greetServer(answer(make([]byte, nbdGreetBytes))); !errors.Is(err, errProtocol) {
		t.Errorf("a server of another kind: %v", err)
	}
	if err := greetClient(answer(make([]byte, 4+nbdOptBytes)), MinSize); !errors.Is(err, errProtocol) {
		t.Errorf("a client of another kind: %v", err)
	}
	for _, short := range []error{greetClient(answer(nil), MinSize), second(greetServer(answer(nil)))} {
		if short == nil {
			t.Error("who says nothing is understood")
		}
	}
}

func second(_ int64, err error) error { return err }

// conversation has the other's words, and forgets ours.
type conversation struct{ *bytes.Reader }

func (conversation) Write(b []byte) (int, error) { return len(b), nil }

// TestServerEndsConnections has the minimal server get what it does not understand, and what
// is beyond its export.
func TestServerEndsConnections(t *testing.T) {
	memory := make([]byte, 4*pageSize)
	for name, c := range map[string]struct {
		request nbdRequest
		errno   bool // it answers with an error; else it hangs up
	}{
		"a read beyond the end":       {nbdRequest{offset: 4 * pageSize, length: 1}, true},
		"a read of too much":          {nbdRequest{offset: pageSize, length: 1 << 31}, true},
		"a read at the end of all":    {nbdRequest{offset: 1<<64 - 1, length: 2}, true},
		"a write beyond the end":      {nbdRequest{write: true, offset: 4 * pageSize, length: 1}, false},
		"a write at the end of times": {nbdRequest{write: true, offset: 1<<64 - 4, length: 8}, false},
	} {
		ours, theirs := socketPair(t)
		served := make(chan struct{})
		go func() {
			serveConnection(theirs, memory)
			close(served)
		}()
		var head [nbdRequestBytes]byte
		c.request.put(head[:])
		if err := ours.send(head[:], nil); err != nil {
			t.Fatal(err)
		}
		var reply [nbdReplyBytes]byte
		err := ours.receive(reply[:])
		r, bad := parseReply(reply[:])
		if c.errno && (err != nil || bad != nil || r.errno == 0) || !c.errno && !errors.Is(err, errHungUp) {
			t.Errorf("%s: %+v, %v, %v", name, r, err, bad)
		}
		ours.shut()
		<-served
		if err := ours.close(); err != nil {
			t.Error(err)
		}
	}
}

// socketPair are the ends of a connection.
func socketPair(t *testing.T) (a, b socket) {
	t.Helper()
	l, err := net.Listen("tcp", localhost+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dialled, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := l.Accept()
	if err == nil {
		a, err = newSocket(dialled.(*net.TCPConn))
	}
	if err == nil {
		b, err = newSocket(accepted.(*net.TCPConn))
	}
	if err != nil {
		t.Fatal(err)
	}
	return a, b
}

// TestClientWithoutServer: who waits for an answer hears that none will come.
func TestClientWithoutServer(t *testing.T) {
	a := testArea(t, 1)
	l, err := net.Listen("tcp", localhost+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() { // a server that hangs up at the first request
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		if greetClient(conn, MinSize) == nil {
			_, _ = conn.Read(make([]byte, nbdRequestBytes))
		}
	}()
	c, err := dialNBD(context.Background(), l.Addr().String(), MinSize, a)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.open(0).do(ublk.OpRead, 0); !errors.Is(err, errAborted) {
		t.Errorf("got %v", err)
	}
	<-c.ended
	if !errors.Is(c.err, errHungUp) {
		t.Errorf("it ended with %v", c.err)
	}
	if err := c.close(); err != nil {
		t.Error(err)
	}
}
