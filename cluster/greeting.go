package cluster

import (
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// A stream begins with a greeting from each side. The dialling side sends first:
//
//	0  8 bytes  magic
//	8  1 byte   version of the gossip
//	9  3 bytes  zero
//	12 8 bytes  fingerprint of the key
//
// A greeting proves nothing: a peer with a copied fingerprint fails at the encryption. It allows both
// sides to say what is wrong.
const (
	greetingMagic   = "\x89FSWGSP\n" // no text begins with its first byte
	greetingVersion = 1
	greetingSize    = 20
)

func greeting(id keyID) []byte {
	g := make([]byte, greetingSize)
	copy(g, greetingMagic)
	g[8] = greetingVersion
	copy(g[12:], id[:])
	return g
}

// checkGreeting compares the peer's greeting with this side's. Errors wrap
// ErrNotGossip, ErrVersion or ErrKeyDiffers.
func checkGreeting(theirs []byte, id keyID) error {
	switch {
	case string(theirs[:8]) != greetingMagic:
		return fmt.Errorf("%w: it is another service, or another release of farswap", ErrNotGossip)
	case theirs[8] != greetingVersion:
		return fmt.Errorf("%w: there %d, here %d: run the same release of farswap on both", ErrVersion, theirs[8], greetingVersion)
	case keyID(theirs[12:]) != id:
		return fmt.Errorf("%w: fingerprint %v there, %v here: copy one key file to every member", ErrKeyDiffers, keyID(theirs[12:]), id)
	}
	return nil
}

// greet opens a stream that this side has dialled. It ends at the deadline.
func greet(conn net.Conn, id keyID, deadline time.Time) error {
	if err := conn.SetDeadline(deadline); err != nil {
		return err
	}
	if _, err := conn.Write(greeting(id)); err != nil {
		return err
	}
	theirs := make([]byte, greetingSize)
	if _, err := io.ReadFull(conn, theirs); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return fmt.Errorf("%w: the peer closed the connection", ErrNotGossip)
		}
		return err
	}
	if err := checkGreeting(theirs, id); err != nil {
		return err
	}
	return conn.SetDeadline(time.Time{})
}

// welcome opens a stream that the other side has dialled. A peer with another protocol gets no answer. A
// peer with another key or version gets a greeting, from which it sees the difference.
func welcome(conn net.Conn, id keyID, deadline time.Time) error {
	if err := conn.SetDeadline(deadline); err != nil {
		return err
	}
	theirs := make([]byte, greetingSize)
	if _, err := io.ReadFull(conn, theirs); err != nil {
		return err
	}
	problem := checkGreeting(theirs, id)
	if errors.Is(problem, ErrNotGossip) {
		return problem
	}
	if _, err := conn.Write(greeting(id)); err != nil {
		return errors.Join(problem, err)
	}
	if problem != nil {
		return problem
	}
	return conn.SetDeadline(time.Time{})
}
