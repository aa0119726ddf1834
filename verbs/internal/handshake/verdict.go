package handshake

import (
	"crypto/hmac"
	"fmt"
	"slices"

	"github.com/farswap/farswap/verbs"
)

// Verdict is what a server says to a claim. Each format has statuses of its own for them.
type Verdict int

// Verdicts. Refused does not say whether the session or the mac was wrong.
const (
	OK Verdict = iota
	Refused
	Version
	Full
	OtherDevice // the request came in by another RDMA device than the one that serves
	Fenced      // a later connection of the place is known
	Held        // an earlier connection of the place has not ended
)

// err is what a verdict means to the device.
func (v Verdict) err() error {
	switch v {
	case OK:
		return nil
	case Version:
		return verbs.ErrVersion
	case Full:
		return fmt.Errorf("server has no room for more connections: %w", verbs.ErrBusy)
	case OtherDevice:
		return fmt.Errorf("server serves another RDMA device than the one that this address belongs to: have it listen on this address: %w", verbs.ErrRefused)
	case Fenced:
		return verbs.ErrFenced
	case Held:
		return fmt.Errorf("server still has an earlier connection of the same place: connect again: %w", verbs.ErrBusy)
	}
	return verbs.ErrRefused
}

// VerdictSize is in bytes.
func (f *Format) VerdictSize() int { return prefix + f.mac }

// Verdict is the message for a verdict on the claim with the device's nonce. secret is used
// for OK alone.
//
// Precondition: the format has a status for v.
func (f *Format) Verdict(v Verdict, device, server Nonce, secret *[32]byte) []byte {
	status := slices.Index(f.verdicts, v)
	if status < 0 {
		panic(fmt.Sprintf("handshake: %s has no status for verdict %d", f.name, v))
	}
	b := make([]byte, f.VerdictSize())
	f.put(b, uint16(status))
	if v == OK {
		copy(b[prefix:], f.sign("server", b[:prefix], device, server, secret))
	}
	return b
}

// ParseVerdict reads the server's answer to the claim with the device's nonce, behind which
// there may be more bytes. It returns nil if the server agrees and knows the secret. Other
// errors wrap verbs.ErrProtocol, ErrVersion, ErrRefused, ErrBusy or ErrFenced.
func (f *Format) ParseVerdict(b []byte, device, server Nonce, secret *[32]byte) error {
	status, err := f.parse(b, f.VerdictSize())
	if err != nil {
		return err
	}
	if int(status) >= len(f.verdicts) {
		return fmt.Errorf("%s ends with status %d: %w", f.what, status, verbs.ErrProtocol)
	}
	v := f.verdicts[status]
	if v == OK && !hmac.Equal(b[prefix:f.VerdictSize()], f.sign("server", b[:prefix], device, server, secret)) {
		return fmt.Errorf("server does not know the session's secret: another server listens at this address: %w", verbs.ErrRefused)
	}
	return v.err()
}
