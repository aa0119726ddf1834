package control

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"
)

// UUID identifies a device for its whole life, across restarts of its server. It is not a secret, but
// hard to guess.
type UUID [16]byte

// NewUUID makes a random (version 4) UUID.
func NewUUID() UUID {
	var u UUID
	_, _ = rand.Read(u[:]) // crypto/rand.Read never fails
	u[6] = u[6]&0x0f | 0x40
	u[8] = u[8]&0x3f | 0x80
	return u
}

// ParseUUID reads what String writes. Errors wrap ErrInvalid.
func ParseUUID(s string) (UUID, error) {
	var u UUID
	b, err := hex.DecodeString(strings.ReplaceAll(s, "-", ""))
	if err == nil && len(b) == len(u) {
		copy(u[:], b)
		if u.String() == strings.ToLower(s) {
			return u, nil
		}
	}
	return UUID{}, fmt.Errorf("UUID %q: %w: want the form 01234567-89ab-cdef-0123-456789abcdef", oneLine(s), ErrInvalid)
}

func (u UUID) String() string {
	h := hex.EncodeToString(u[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// MarshalBinary makes the UUID a CBOR byte string.
func (u UUID) MarshalBinary() ([]byte, error) { return u[:], nil }

// UnmarshalBinary takes exactly 16 bytes.
func (u *UUID) UnmarshalBinary(b []byte) error { return exact(u[:], b) }

// Secret authenticates data connections. It prints as dots.
type Secret [32]byte

func (Secret) String() string { return "…" }

// GoString hides the secret from %#v.
func (Secret) GoString() string { return "control.Secret{…}" }

// Format hides the secret from every verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("…")) }

// MarshalBinary makes the secret a CBOR byte string.
func (s Secret) MarshalBinary() ([]byte, error) { return s[:], nil }

// UnmarshalBinary takes exactly 32 bytes.
func (s *Secret) UnmarshalBinary(b []byte) error { return exact(s[:], b) }

func exact(dst, src []byte) error {
	if len(src) != len(dst) {
		return fmt.Errorf("%w: got %d bytes, want %d", ErrInvalid, len(src), len(dst))
	}
	copy(dst, src)
	return nil
}
