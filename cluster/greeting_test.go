package cluster

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

// pair greets over a connection. The dialling end sends the given bytes.
func pair(t *testing.T, sent []byte, id keyID) (answer []byte, accepting error) {
	t.Helper()
	near, far := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = far.Write(sent)
		answer, _ = io.ReadAll(far)
	}()
	accepting = welcome(near, id, time.Now().Add(patience))
	_ = near.Close()
	<-done
	_ = far.Close()
	return answer, accepting
}

func TestGreeting(t *testing.T) {
	mine, other := Key{1}.id(), Key{2}.id()
	newer := greeting(mine)
	newer[8]++
	for name, test := range map[string]struct {
		sent   []byte
		want   error
		answer bool
	}{
		"same":    {greeting(mine), nil, true},
		"key":     {greeting(other), ErrKeyDiffers, true},
		"version": {newer, ErrVersion, true},
		"other":   {[]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n")[:greetingSize], ErrNotGossip, false},
	} {
		answer, err := pair(t, test.sent, mine)
		if !errors.Is(err, test.want) || (len(answer) > 0) != test.answer {
			t.Errorf("%s: %v, answer %q", name, err, answer)
		}
	}
	near, far := net.Pipe()
	defer near.Close()
	go func() {
		_, _ = io.ReadFull(far, make([]byte, greetingSize))
		_ = far.Close()
	}()
	if err := greet(near, mine, time.Now().Add(patience)); !errors.Is(err, ErrNotGossip) {
		t.Errorf("no answer: %v", err)
	}
}

// Strangers cannot occupy the streams of a member, and a member does not process their bytes.
func TestStrangersAreShutOut(t *testing.T) {
	a := start(t, nil)
	var conns []net.Conn
	for range 2 * maxGreeting { // silent ones: those that are too many are closed at once
		conn, err := net.Dial("tcp", a.Address())
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, conn)
	}
	for _, conn := range conns {
		_ = conn.SetDeadline(time.Now().Add(patience))
		if _, err := conn.Read(make([]byte, 1)); err == nil {
			t.Error("an answer")
		}
		_ = conn.Close()
	}
	donor(t, "c", "127.0.0.1:9003", a)
	wantListed(t, "c@127.0.0.1:9003", a)
}
