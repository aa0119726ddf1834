package tcp

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"

	"github.com/farswap/farswap/verbs"
)

// The handshake, all little-endian, three messages of fixed size:
//
//	server  magic u32 · version u16 · zero u16 · nonce 32
//	device  magic u32 · version u16 · depth u16 · session u64 · generation u64 · place u32 · zero u32 · nonce 32 · mac 32
//	server  magic u32 · version u16 · status u16 · mac 32
//
// The macs are HMAC-SHA256 under the session's secret over a label, both nonces
// and the fields of the message: each side proves that it knows the secret, for
// this connection only. A refusal carries no mac and does not say whether the
// session or the mac was wrong.
const (
	helloMagic   = 0x68575346 // "FSWh"
	protoVersion = 2
	nonceSize    = 32
	macSize      = sha256.Size
	helloSize    = 8 + nonceSize
	claimFields  = 32 // bytes before the nonce
	claimSize    = claimFields + nonceSize + macSize
	verdictSize  = 8 + macSize
)

// The status of a verdict.
const (
	verdictOK      = 0
	verdictRefused = 1
	verdictVersion = 2
	verdictFull    = 3
	verdictFenced  = 4 // a later connection of the place is known
	verdictHeld    = 5 // an earlier connection of the place has not ended
)

type nonce [nonceSize]byte

func newNonce() nonce {
	var n nonce
	_, _ = rand.Read(n[:]) // never fails, by its documentation
	return n
}

func putPrefix(b []byte, field uint16) {
	le.PutUint32(b[0:], helloMagic)
	le.PutUint16(b[4:], protoVersion)
	le.PutUint16(b[6:], field)
}

func parsePrefix(b []byte) (field uint16, err error) {
	if m := le.Uint32(b[0:]); m != helloMagic {
		return 0, fmt.Errorf("handshake begins with %#x: not a peer of this protocol: %w", m, verbs.ErrProtocol)
	}
	if v := le.Uint16(b[4:]); v != protoVersion {
		return 0, fmt.Errorf("handshake of version %d, want %d: %w", v, protoVersion, verbs.ErrVersion)
	}
	return le.Uint16(b[6:]), nil
}

func marshalHello(n nonce) []byte {
	b := make([]byte, helloSize)
	putPrefix(b, 0)
	copy(b[8:], n[:])
	return b
}

// parseHello reads a server's first message of helloSize bytes.
func parseHello(b []byte) (nonce, error) {
	if _, err := parsePrefix(b); err != nil {
		return nonce{}, err
	}
	return nonce(b[8:]), nil
}

// claim is what a device says about itself.
type claim struct {
	session    verbs.SessionID
	depth      int
	place      uint32
	generation uint64
	nonce      nonce
}

func marshalClaim(c claim, server nonce, secret *[32]byte) []byte {
	b := make([]byte, claimSize)
	putPrefix(b, uint16(c.depth))
	le.PutUint64(b[8:], uint64(c.session))
	le.PutUint64(b[16:], c.generation)
	le.PutUint32(b[24:], c.place)
	copy(b[claimFields:], c.nonce[:])
	copy(b[claimFields+nonceSize:], claimMAC(b[:claimFields], c.nonce, server, secret))
	return b
}

// parseClaim reads a device's message of claimSize bytes; verifyClaim checks
// its mac.
func parseClaim(b []byte) (claim, error) {
	depth, err := parsePrefix(b)
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

func verifyClaim(b []byte, server nonce, secret *[32]byte) bool {
	return hmac.Equal(b[claimFields+nonceSize:claimSize], claimMAC(b[:claimFields], nonce(b[claimFields:]), server, secret))
}

func claimMAC(fields []byte, device, server nonce, secret *[32]byte) []byte {
	return mac("farswap tcp device", fields, device, server, secret)
}

func marshalVerdict(status uint16, device, server nonce, secret *[32]byte) []byte {
	b := make([]byte, verdictSize)
	putPrefix(b, status)
	if status == verdictOK {
		copy(b[8:], verdictMAC(b[:8], device, server, secret))
	}
	return b
}

// parseVerdict reads the server's answer of verdictSize bytes.
func parseVerdict(b []byte, device, server nonce, secret *[32]byte) error {
	status, err := parsePrefix(b)
	if err != nil {
		return err
	}
	switch status {
	case verdictOK:
		if !hmac.Equal(b[8:], verdictMAC(b[:8], device, server, secret)) {
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
	}
	return fmt.Errorf("handshake ends with status %d: %w", status, verbs.ErrProtocol)
}

func verdictMAC(fields []byte, device, server nonce, secret *[32]byte) []byte {
	return mac("farswap tcp server", fields, device, server, secret)
}

func mac(label string, fields []byte, device, server nonce, secret *[32]byte) []byte {
	h := hmac.New(sha256.New, secret[:])
	h.Write([]byte(label))
	h.Write(server[:])
	h.Write(device[:])
	h.Write(fields)
	return h.Sum(nil)
}

// introduce is the device's side of the handshake. rw has a deadline.
func introduce(rw io.ReadWriter, cred verbs.Credential, cfg verbs.QPConfig) error {
	buf := make([]byte, max(helloSize, verdictSize))
	if _, err := io.ReadFull(rw, buf[:helloSize]); err != nil {
		return fmt.Errorf("wait for the server's greeting: %w", err)
	}
	server, err := parseHello(buf[:helloSize])
	if err != nil {
		return err
	}
	c := claim{session: cred.Session, depth: cfg.Depth, place: cfg.Place, generation: cfg.Generation, nonce: newNonce()}
	if _, err := rw.Write(marshalClaim(c, server, &cred.Secret)); err != nil {
		return fmt.Errorf("send the credential: %w", err)
	}
	if _, err := io.ReadFull(rw, buf[:verdictSize]); err != nil {
		return fmt.Errorf("wait for the server's verdict: %w", err)
	}
	return parseVerdict(buf[:verdictSize], c.nonce, server, &cred.Secret)
}
