package cluster

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

// recording is a connection whose peer has said everything beforehand, as one that knows no nonce must.
type recording struct {
	net.Conn // nil: no other method may be called
	said     io.Reader
	answered int
}

func (r *recording) Read(b []byte) (int, error) { return r.said.Read(b) }

func (r *recording) Write(b []byte) (int, error) { r.answered += len(b); return len(b), nil }

func (*recording) SetDeadline(time.Time) error { return nil }

// FuzzGreeting gives both sides of a greeting what a stranger says. Neither takes it for a member, nor
// answers more than its part of the greeting; nothing is answered to what is not gossip.
func FuzzGreeting(f *testing.F) {
	claim := make([]byte, claimFields+proofSize)
	f.Add([]byte(nil))
	f.Add([]byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n"))
	f.Add(opening())
	f.Add(append(opening(), claim...))
	f.Add(append(append(opening(), newNonce()...), claim...))
	f.Add(append(append([]byte(greetingMagic), 1), claim...))
	keys := [][]byte{bytes.Repeat([]byte{1}, KeySize), bytes.Repeat([]byte{2}, KeySize)}
	f.Fuzz(func(t *testing.T, said []byte) {
		in := &recording{said: bytes.NewReader(said)}
		_, err := welcome(in, keys, testNode, time.Time{}, func() error {
			t.Error("a stranger was accepted")
			return nil
		})
		if err == nil {
			t.Error("the listener takes a stranger for a member")
		}
		most := openingSize + nonceSize + verdictFields + proofSize
		if !bytes.HasPrefix(said, []byte(greetingMagic)) || len(said) < openingSize {
			most = 0
		}
		if in.answered > most {
			t.Errorf("the listener answered %d bytes, %d are its part (%v)", in.answered, most, err)
		}

		out := &recording{said: bytes.NewReader(said)}
		if _, err := greet(out, keys, wantsGossip, time.Time{}); err == nil {
			t.Error("the dialler takes a stranger for a member")
		} else if len(said) < openingSize && !errors.Is(err, ErrNotGossip) {
			t.Errorf("the dialler says of %d bytes: %v", len(said), err)
		}
	})
}
