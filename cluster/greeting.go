package cluster

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// A stream begins with a greeting, in which each side proves that it has a key of the cluster. All numbers
// are bytes:
//
//	dialler   magic 8 · version 1 · zero 11
//	listener  magic 8 · version 1 · zero 11 · nonce 32
//	dialler   purpose 1 · zero 7 · nonce 32 · proof 32
//	listener  verdict 1 · zero 7 · node 8 · proof 32
//
// A proof is HMAC-SHA256 over the role of the side that makes it, both nonces, and what stands before the
// proof in its message. Its key is derived from the gossip key: see prover. The dialler proves first, with
// its first key. The listener tries all of its keys, and answers with the one that fits. So a proof is good
// for this stream only, and neither side learns anything about the key of the other that it does not have.
//
// The first message is as long as the whole greeting of version 1, so that a member of that version reads
// it, answers, and says that the versions differ.
const (
	greetingMagic   = "\x89FSWGSP\n" // no text begins with its first byte
	greetingVersion = 2
	openingSize     = 20
	nonceSize       = 32
	proofSize       = sha256.Size
	claimFields     = 8 + nonceSize // before the proof of the dialler
	verdictFields   = 8 + nodeSize  // before the proof of the listener
)

// What the dialler wants.
const (
	wantsGossip = 0 // to gossip over the stream
	wantsNode   = 1 // to know which node listens there, and nothing else
)

// What the listener answers.
const (
	verdictWelcome = 0
	verdictKey     = 1 // it has no key that fits the dialler's proof
	verdictFull    = 2 // it has too many streams
)

const nodeSize = 8

// nodeID is the random number of a process in the cluster. Its text is the name in memberlist.
type nodeID [nodeSize]byte

func (n nodeID) String() string { return fmt.Sprintf("%x", n[:]) }

// prover derives the key of proofs from a gossip key. It differs from the key that encrypts, so that a
// proof is never of use there.
func prover(key []byte) []byte {
	derived, err := hkdf.Key(sha256.New, key, nil, "farswap gossip greeting 2", sha256.Size)
	if err != nil {
		panic(err) // the length is a constant
	}
	return derived
}

// prove makes the proof of a side.
func prove(key []byte, role string, listener, dialler, fields []byte) []byte {
	mac := hmac.New(sha256.New, prover(key))
	for _, part := range [][]byte{[]byte(role), listener, dialler, fields} {
		mac.Write(part)
	}
	return mac.Sum(nil)
}

// Roles have the same length, so that no two sets of parts run together to one text.
const (
	roleDialler  = "dialler "
	roleListener = "listener"
)

func opening() []byte {
	b := make([]byte, openingSize)
	copy(b, greetingMagic)
	b[8] = greetingVersion
	return b
}

func newNonce() []byte {
	n := make([]byte, nonceSize)
	_, _ = rand.Read(n) // never fails, by its documentation
	return n
}

// checkOpening checks the first message of the peer. Errors wrap ErrNotGossip or ErrVersion.
func checkOpening(theirs []byte) error {
	switch {
	case string(theirs[:8]) != greetingMagic:
		return fmt.Errorf("%w: it is another service, or another release of farswap", ErrNotGossip)
	case theirs[8] != greetingVersion:
		return fmt.Errorf("%w: there %d, here %d: run the same release of farswap on both", ErrVersion, theirs[8], greetingVersion)
	}
	return nil
}

// greet opens a stream that this side has dialled, and returns which node listens there. keys are the keys
// of the cluster, at least one; it proves the first. It ends at the deadline. Errors wrap ErrNotGossip,
// ErrVersion, ErrKeyDiffers or ErrFull, or are the network's.
func greet(conn net.Conn, keys [][]byte, wants byte, deadline time.Time) (nodeID, error) {
	if err := conn.SetDeadline(deadline); err != nil {
		return nodeID{}, err
	}
	if _, err := conn.Write(opening()); err != nil {
		return nodeID{}, err
	}
	buf := make([]byte, openingSize+nonceSize)
	if err := readGreeting(conn, buf[:openingSize]); err != nil {
		return nodeID{}, err
	}
	if err := checkOpening(buf); err != nil {
		return nodeID{}, err
	}
	listener := buf[openingSize:]
	if err := readGreeting(conn, listener); err != nil {
		return nodeID{}, err
	}
	dialler := newNonce()
	claim := make([]byte, claimFields, claimFields+proofSize)
	claim[0] = wants
	copy(claim[8:], dialler)
	claim = append(claim, prove(keys[0], roleDialler, listener, dialler, claim)...)
	if _, err := conn.Write(claim); err != nil {
		return nodeID{}, err
	}
	verdict := make([]byte, verdictFields+proofSize)
	if err := readGreeting(conn, verdict); err != nil {
		return nodeID{}, err
	}
	switch fields := verdict[:verdictFields]; {
	case verdict[0] == verdictFull:
		return nodeID{}, fmt.Errorf("%w: the member has too many streams: it answers again in a moment", ErrFull)
	case verdict[0] == verdictKey:
		return nodeID{}, fmt.Errorf("%w: the member there does not have this one's key: copy one key file to every member", ErrKeyDiffers)
	case !hmac.Equal(verdict[verdictFields:], prove(keys[0], roleListener, listener, dialler, fields)):
		return nodeID{}, fmt.Errorf("%w: the peer does not prove to have this member's key: copy one key file to every member", ErrKeyDiffers)
	}
	return nodeID(verdict[8:]), conn.SetDeadline(time.Time{})
}

// readGreeting fills b. The error is ErrNotGossip if the peer ends the stream instead.
func readGreeting(conn net.Conn, b []byte) error {
	_, err := io.ReadFull(conn, b)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: the peer closed the connection", ErrNotGossip)
	}
	return err
}

// welcome opens a stream that the other side has dialled, as the node self, and returns what the other side
// wants. A peer with another protocol gets no answer. A peer of another version gets an opening, from which
// it sees the version. accept is called once the peer has proven a key; its error is the verdict.
func welcome(conn net.Conn, keys [][]byte, self nodeID, deadline time.Time, accept func() error) (wants byte, err error) {
	if err := conn.SetDeadline(deadline); err != nil {
		return 0, err
	}
	theirs := make([]byte, openingSize)
	if _, err := io.ReadFull(conn, theirs); err != nil {
		return 0, err
	}
	problem := checkOpening(theirs)
	if errors.Is(problem, ErrNotGossip) {
		return 0, problem
	}
	listener := newNonce()
	if _, err := conn.Write(append(opening(), listener...)); err != nil {
		return 0, errors.Join(problem, err)
	}
	if problem != nil {
		return 0, problem
	}
	claim := make([]byte, claimFields+proofSize)
	if _, err := io.ReadFull(conn, claim); err != nil {
		return 0, err
	}
	dialler := claim[8:claimFields]
	key := proven(keys, listener, claim)
	verdict := make([]byte, verdictFields, verdictFields+proofSize)
	copy(verdict[8:], self[:])
	switch {
	case key == nil:
		verdict[0] = verdictKey
		problem = fmt.Errorf("%w: the peer does not prove to have a key of this member: copy one key file to every member", ErrKeyDiffers)
	default:
		if problem = accept(); problem != nil {
			verdict[0] = verdictFull
		}
	}
	if problem == nil {
		verdict = append(verdict, prove(key, roleListener, listener, dialler, verdict)...)
	} else {
		verdict = append(verdict, bytes.Repeat([]byte{0}, proofSize)...)
	}
	if _, err := conn.Write(verdict); err != nil {
		return 0, errors.Join(problem, err)
	}
	if problem != nil {
		return 0, problem
	}
	return claim[0], conn.SetDeadline(time.Time{})
}

// proven returns the key with which the dialler has made its proof, nil if there is none.
func proven(keys [][]byte, listener, claim []byte) []byte {
	for _, key := range keys {
		want := prove(key, roleDialler, listener, claim[8:claimFields], claim[:claimFields])
		if hmac.Equal(claim[claimFields:], want) {
			return key
		}
	}
	return nil
}
