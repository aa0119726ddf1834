package handshake

import (
	"crypto/hmac"
	"fmt"

	"github.com/farswap/farswap/verbs"
)

// Claim is what a device says about itself and about the connection that it wants.
type Claim struct {
	Session    verbs.SessionID
	Depth      int    // 1 to verbs.MaxDepth
	Place      uint32 // 0: none
	Generation uint64 // 0 without a place, and only then
	Nonce      Nonce
}

// NewClaim is the claim of a connection, with a new nonce.
func (f *Format) NewClaim(session verbs.SessionID, cfg verbs.QPConfig) Claim {
	return Claim{Session: session, Depth: cfg.Depth, Place: cfg.Place, Generation: cfg.Generation, Nonce: f.NewNonce()}
}

// ClaimSize is in bytes.
func (f *Format) ClaimSize() int { return f.nonceAt() + f.nonce + f.mac }

// nonceAt is where a claim's nonce begins, after what its mac is over.
func (f *Format) nonceAt() int { return fields + f.padding }

// Claim is the message for a claim. server is the nonce of the server's greeting.
func (f *Format) Claim(c Claim, server Nonce, secret *[32]byte) []byte {
	b, at := make([]byte, f.ClaimSize()), f.nonceAt()
	f.put(b, uint16(c.Depth))
	le.PutUint64(b[8:], uint64(c.Session))
	le.PutUint64(b[16:], c.Generation)
	le.PutUint32(b[24:], c.Place)
	copy(b[at:], c.Nonce[:f.nonce])
	copy(b[at+f.nonce:], f.sign("device", b[:at], c.Nonce, server, secret))
	return b
}

// ParseClaim reads a claim, behind which there may be more bytes. VerifyClaim checks its
// mac. The error wraps verbs.ErrProtocol or verbs.ErrVersion.
func (f *Format) ParseClaim(b []byte) (Claim, error) {
	depth, err := f.parse(b, f.ClaimSize())
	if err != nil {
		return Claim{}, err
	}
	if depth < 1 || depth > verbs.MaxDepth {
		return Claim{}, fmt.Errorf("depth %d, want 1 to %d: %w", depth, verbs.MaxDepth, verbs.ErrProtocol)
	}
	c := Claim{
		Session:    verbs.SessionID(le.Uint64(b[8:])),
		Depth:      int(depth),
		Place:      le.Uint32(b[24:]),
		Generation: le.Uint64(b[16:]),
	}
	copy(c.Nonce[:f.nonce], b[f.nonceAt():])
	if (c.Place == 0) != (c.Generation == 0) {
		return Claim{}, fmt.Errorf("generation %d at place %d, want both or neither: %w", c.Generation, c.Place, verbs.ErrProtocol)
	}
	return c, nil
}

// VerifyClaim reports whether who made a claim knows the session's secret, and made it for
// the greeting with the server's nonce.
//
// Precondition: ParseClaim has read b.
func (f *Format) VerifyClaim(b []byte, server Nonce, secret *[32]byte) bool {
	at := f.nonceAt()
	var device Nonce
	copy(device[:f.nonce], b[at:])
	return hmac.Equal(b[at+f.nonce:f.ClaimSize()], f.sign("device", b[:at], device, server, secret))
}
