package cluster

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

var testNode = nodeID{1, 2, 3, 4, 5, 6, 7, 8}

// greeted lets two sides greet each other, and returns what each makes of it.
func greeted(t *testing.T, dialler, listener [][]byte, wants byte) (there nodeID, dialling error, wanted byte, accepting error) {
	t.Helper()
	near, far := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		there, dialling = greet(far, dialler, wants, time.Now().Add(patience))
	}()
	wanted, accepting = welcome(near, listener, testNode, time.Now().Add(patience), func() error { return nil })
	<-done
	_, _ = near.Close(), far.Close()
	return there, dialling, wanted, accepting
}

func TestGreeting(t *testing.T) {
	a, b, c := bytes.Repeat([]byte{1}, KeySize), bytes.Repeat([]byte{2}, KeySize), bytes.Repeat([]byte{3}, KeySize)
	for name, test := range map[string]struct {
		dialler, listener [][]byte
		want              error
	}{
		"same":               {[][]byte{a}, [][]byte{a}, nil},
		"another":            {[][]byte{a}, [][]byte{b}, ErrKeyDiffers},
		"rotation begins":    {[][]byte{a, b}, [][]byte{a}, nil},
		"rotation here":      {[][]byte{b, a}, [][]byte{a, b}, nil},
		"rotation there":     {[][]byte{a, b}, [][]byte{b, a}, nil},
		"rotation has ended": {[][]byte{b}, [][]byte{b, a}, nil},
		"only the first":     {[][]byte{c, a}, [][]byte{a, b}, ErrKeyDiffers},
	} {
		there, dialling, wanted, accepting := greeted(t, test.dialler, test.listener, wantsNode)
		if !errors.Is(dialling, test.want) || !errors.Is(accepting, test.want) {
			t.Errorf("%s: the dialler has %v, the listener %v, want %v", name, dialling, accepting, test.want)
		}
		if test.want == nil && (there != testNode || wanted != wantsNode) {
			t.Errorf("%s: node %v, wants %d", name, there, wanted)
		}
	}
}

// exchange sends bytes to a listener, and returns all that it sends and its error.
func exchange(t *testing.T, script func(far net.Conn)) error {
	t.Helper()
	near, far := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer far.Close()
		script(far)
	}()
	_, err := welcome(near, [][]byte{testKey[:]}, testNode, time.Now().Add(patience), func() error { return nil })
	_ = near.Close()
	<-done
	return err
}

func TestGreetingOfStrangers(t *testing.T) {
	read := func(far net.Conn, n int) []byte {
		b := make([]byte, n)
		if _, err := io.ReadFull(far, b); err != nil {
			t.Error(err)
		}
		return b
	}
	old := opening() // of version 1, with a fingerprint in its last eight bytes
	old[8], old[12] = 1, 99
	if err := exchange(t, func(far net.Conn) {
		_, _ = far.Write(old)
		if answer := read(far, openingSize); answer[8] != greetingVersion || !bytes.Equal(answer[9:], make([]byte, 11)) {
			t.Errorf("version 1 gets %x", answer)
		}
		_, _ = io.Copy(io.Discard, far)
	}); !errors.Is(err, ErrVersion) {
		t.Errorf("version 1: %v", err)
	}
	if err := exchange(t, func(far net.Conn) {
		_, _ = far.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n")[:openingSize])
		if answer, _ := io.ReadAll(far); len(answer) > 0 {
			t.Errorf("another protocol gets %q", answer)
		}
	}); !errors.Is(err, ErrNotGossip) {
		t.Errorf("another protocol: %v", err)
	}

	// What a stranger records of one greeting is of no use in another, in either direction, and the answer
	// to a false proof has no proof.
	var recorded []byte
	near, far := net.Pipe()
	go func() {
		_, _ = greet(&recorder{far, &recorded}, [][]byte{testKey[:]}, wantsGossip, time.Now().Add(patience))
	}()
	if _, err := welcome(near, [][]byte{testKey[:]}, testNode, time.Now().Add(patience), func() error { return nil }); err != nil {
		t.Fatal(err)
	}
	_, _ = near.Close(), far.Close()
	claim := recorded[openingSize:]
	for name, claim := range map[string][]byte{
		"recorded": claim,
		"zero":     make([]byte, claimFields+proofSize),
	} {
		if err := exchange(t, func(far net.Conn) {
			_, _ = far.Write(opening())
			read(far, openingSize+nonceSize)
			_, _ = far.Write(claim)
			if verdict := read(far, verdictFields+proofSize); verdict[0] != verdictKey || !bytes.Equal(verdict[verdictFields:], make([]byte, proofSize)) {
				t.Errorf("%s: verdict %x", name, verdict)
			}
		}); !errors.Is(err, ErrKeyDiffers) {
			t.Errorf("%s: %v", name, err)
		}
	}
	reflection := func(far net.Conn) { // the dialler's own proof sent back to it
		read(far, openingSize)
		_, _ = far.Write(append(opening(), make([]byte, nonceSize)...))
		claim := read(far, claimFields+proofSize)
		_, _ = far.Write(append(make([]byte, verdictFields), claim[claimFields:]...))
	}
	near, far = net.Pipe()
	go reflection(far)
	if _, err := greet(near, [][]byte{testKey[:]}, wantsGossip, time.Now().Add(patience)); !errors.Is(err, ErrKeyDiffers) {
		t.Errorf("its own proof: %v", err)
	}
	_, _ = near.Close(), far.Close()
	near, far = net.Pipe()
	go func() { read(far, openingSize); _ = far.Close() }()
	if _, err := greet(near, [][]byte{testKey[:]}, wantsGossip, time.Now().Add(patience)); !errors.Is(err, ErrNotGossip) {
		t.Errorf("no answer: %v", err)
	}
	_ = near.Close()
}

// recorder keeps what is written.
type recorder struct {
	net.Conn
	written *[]byte
}

func (r *recorder) Write(b []byte) (int, error) {
	*r.written = append(*r.written, b...)
	return r.Conn.Write(b)
}
