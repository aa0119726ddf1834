package rdma

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/farswap/farswap/verbs"
)

// The private data of the connection manager, little-endian:
//
//	request  magic u32 · version u16 · depth u16 · session u64 · generation u64 · place u32 · nonce 12 · mac 16
//	answer   magic u32 · version u16 · status u16 · mac 16
//
// The macs are HMAC-SHA256, cut to 16 bytes, under the session's secret over a
// label, the nonce and the fields before it: each side proves that it knows the
// secret. An InfiniBand request has room for 56 bytes, and there is no message
// before it in which the server could choose a nonce. So that no request is taken twice,
// the server remembers the generation of each place, and the nonces of requests without a
// place. A refusal carries no mac. Adapters pad what they deliver.
const (
	helloMagic   = 0x72575346 // "FSWr"
	protoVersion = 2
	prefixSize   = 8
	nonceSize    = 12
	macSize      = 16
	claimFields  = 28 // bytes before the nonce
	claimSize    = claimFields + nonceSize + macSize
	verdictSize  = 8 + macSize
)

// The status of a verdict.
const (
	verdictOK      = 0
	verdictRefused = 1
	verdictVersion = 2
	verdictFull    = 3
	verdictDevice  = 4 // the request came in by another RDMA device than the one that serves
	verdictFenced  = 5 // a later connection of the place is known
	verdictHeld    = 6 // an earlier connection of the place has not ended
)

var le = binary.LittleEndian

type nonce [nonceSize]byte

func newNonce() nonce {
	var n nonce
	_, _ = rand.Read(n[:]) // never fails, by its documentation
	return n
}

// claim is what a device says about itself.
type claim struct {
	session    verbs.SessionID
	depth      int
	place      uint32
	generation uint64
	nonce      nonce
}

func putPrefix(b []byte, field uint16) {
	le.PutUint32(b[0:], helloMagic)
	le.PutUint16(b[4:], protoVersion)
	le.PutUint16(b[6:], field)
}

// parsePrefix checks the beginning of a message of at least size bytes.
func parsePrefix(b []byte, size int) (field uint16, err error) {
	short := func() error {
		return fmt.Errorf("private data of %d bytes, want %d: not a peer of this protocol: %w", len(b), size, verbs.ErrProtocol)
	}
	if len(b) < prefixSize {
		return 0, short()
	}
	if m := le.Uint32(b[0:]); m != helloMagic {
		return 0, fmt.Errorf("private data begins with %#x: not a peer of this protocol: %w", m, verbs.ErrProtocol)
	}
	if v := le.Uint16(b[4:]); v != protoVersion {
		return 0, fmt.Errorf("private data of version %d, want %d: %w", v, protoVersion, verbs.ErrVersion)
	}
	if len(b) < size { // other versions have other sizes
		return 0, short()
	}
	return le.Uint16(b[6:]), nil
}

func marshalClaim(c claim, secret *[32]byte) []byte {
	b := make([]byte, claimSize)
	putPrefix(b, uint16(c.depth))
	le.PutUint64(b[8:], uint64(c.session))
	le.PutUint64(b[16:], c.generation)
	le.PutUint32(b[24:], c.place)
	copy(b[claimFields:], c.nonce[:])
	copy(b[claimFields+nonceSize:], mac("farswap rdma device", b[:claimFields], c.nonce, secret))
	return b
}

// parseClaim reads a device's request; verifyClaim checks its mac.
func parseClaim(b []byte) (claim, error) {
	depth, err := parsePrefix(b, claimSize)
	if err != nil {
		return claim{}, err
	}
	if depth < 1 || depth > verbs.MaxDepth {
		return claim{}, fmt.Errorf("depth %d, want 1 to %d: %w", depth, verbs.MaxDepth, verbs.ErrProtocol)
	}
	c := claim{
		session:    verbs.SessionID(le.Uint64(b[8:])),
		depth:      int(depth),
		place:      le.Uint32(b[24:]),
		generation: le.Uint64(b[16:]),
		nonce:      nonce(b[claimFields:]),
	}
	if (c.place == 0) != (c.generation == 0) {
		return claim{}, fmt.Errorf("generation %d at place %d, want both or neither: %w", c.generation, c.place, verbs.ErrProtocol)
	}
	return c, nil
}

// verifyClaim checks a request that parseClaim has read.
func verifyClaim(b []byte, secret *[32]byte) bool {
	return hmac.Equal(b[claimFields+nonceSize:claimSize], mac("farswap rdma device", b[:claimFields], nonce(b[claimFields:]), secret))
}

func marshalVerdict(status uint16, n nonce, secret *[32]byte) []byte {
	b := make([]byte, verdictSize)
	putPrefix(b, status)
	if status == verdictOK {
		copy(b[8:], mac("farswap rdma server", b[:8], n, secret))
	}
	return b
}

// parseVerdict reads the server's answer.
func parseVerdict(b []byte, n nonce, secret *[32]byte) error {
	status, err := parsePrefix(b, verdictSize)
	if err != nil {
		return err
	}
	switch status {
	case verdictOK:
		if !hmac.Equal(b[8:verdictSize], mac("farswap rdma server", b[:8], n, secret)) {
			return fmt.Errorf("server does not know the session's secret: another server listens at this address: %w", verbs.ErrRefused)
		}
		return nil
	case verdictRefused:
		return verbs.ErrRefused
	case verdictVersion:
		return verbs.ErrVersion
	case verdictFull:
		return fmt.Errorf("server has no room for more connections: %w", verbs.ErrBusy)
	case verdictFenced:
		return verbs.ErrFenced
	case verdictHeld:
		return fmt.Errorf("server still has an earlier connection of the same place: connect again: %w", verbs.ErrBusy)
	case verdictDevice:
		return fmt.Errorf("server serves another RDMA device than the one that this address belongs to: have it listen on this address: %w", verbs.ErrRefused)
	}
	return fmt.Errorf("answer with status %d: %w", status, verbs.ErrProtocol)
}

func mac(label string, fields []byte, n nonce, secret *[32]byte) []byte {
	h := hmac.New(sha256.New, secret[:])
	h.Write([]byte(label))
	h.Write(n[:])
	h.Write(fields)
	return h.Sum(nil)[:macSize]
}
