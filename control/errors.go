package control

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Errors that cross the wire. If a handler returns one of them, wrapped or not, errors.Is finds it
// on the caller's side, too.
var (
	ErrInternal    = errors.New("failed")
	ErrVersion     = errors.New("protocol versions differ")
	ErrProtocol    = errors.New("protocol violated")
	ErrRefused     = errors.New("refused")
	ErrInvalid     = errors.New("invalid request")
	ErrUnsupported = errors.New("request not supported")
	ErrBusy        = errors.New("too many requests or sessions")
	ErrNoMemory    = errors.New("no memory to lend")
	ErrUnknownSlab = errors.New("slab not mapped")
	ErrSlabHeld    = errors.New("slab already mapped or held")
	ErrTooBig      = errors.New("too big")
	ErrPeerClosed  = errors.New("closed by the peer")
	ErrSuperseded  = errors.New("superseded by a newer session of the same device")
	ErrNoSession   = errors.New("session unknown")
	// ErrOtherServer ends the session of one server of a device for good: another one has taken its place.
	ErrOtherServer = errors.New("another server of this device has taken the place of this one")
)

// Errors of this side only.
var (
	ErrClosed          = errors.New("session closed")
	ErrPeerLost        = errors.New("peer lost")
	ErrTimeout         = errors.New("no answer in time")
	ErrInsecureAddress = errors.New("insecure mode is for loopback addresses only")
	ErrIdentity        = errors.New("no usable identity")
	ErrCA              = errors.New("no usable certificate authority")
	ErrExpired         = errors.New("certificate expired or not yet valid")
	ErrUntrusted       = errors.New("certificate not trusted")
	ErrRevoked         = errors.New("certificate revoked")
	ErrRole            = errors.New("certificate of another role")
	ErrRevocationList  = errors.New("no usable revocation list")
)

// Causes that have a remedy of their own. An error wraps one of them beside ErrIdentity, ErrExpired,
// ErrUntrusted, ErrProtocol or the network's error.
var (
	ErrKeyExposed = errors.New("other users can read the key: chmod 600 it")
	ErrOtherCA    = errors.New("give both machines identities of one CA")
	ErrClocks     = errors.New("set the clocks")
	ErrPeerTLS    = errors.New("the peer speaks TLS and this side does not")
	ErrPeerPlain  = errors.New("the peer does not speak TLS")
	ErrNoListener = errors.New("nobody listens there")
)

// HostError says that a certificate is not for the host that devices dial. It unwraps to
// ErrUntrusted.
type HostError struct {
	Certificate string // owner and name of the certificate, for people
	Hosts       string // that the certificate is for, for people
	Host        string // that devices dial
}

// Error says it in one line.
func (e *HostError) Error() string {
	return fmt.Sprintf("%v: %s is for %s, and not for %s: issue one that is", ErrUntrusted, e.Certificate, e.Hosts, e.Host)
}

// Unwrap returns ErrUntrusted.
func (e *HostError) Unwrap() error { return ErrUntrusted }

// Code is the number of a sentinel error on the wire. Never reuse a number.
type Code uint16

// codes has no zero, so that an empty Failure is invalid.
var codes = []struct {
	code Code
	err  error
}{
	{1, ErrInternal},
	{2, ErrVersion},
	{3, ErrProtocol},
	{4, ErrRefused},
	{5, ErrInvalid},
	{6, ErrUnsupported},
	{7, ErrBusy},
	{8, ErrNoMemory},
	{9, ErrUnknownSlab},
	{10, ErrSlabHeld},
	{11, ErrTooBig},
	{12, ErrPeerClosed},
	{13, ErrSuperseded},
	{14, ErrNoSession},
	{15, ErrOtherServer},
}

// Unwrap returns the sentinel error of the code. For an unknown code, of a newer peer, it returns
// ErrInternal.
func (f *Failure) Unwrap() error {
	for _, c := range codes {
		if c.code == f.Code {
			return c.err
		}
	}
	return ErrInternal
}

// Error returns the text of the peer, made safe to print on one line.
func (f *Failure) Error() string {
	if f.Text == "" {
		return f.Unwrap().Error()
	}
	return oneLine(f.Text)
}

// failureOf turns an error into a message from which the other side gets the same sentinel error.
func failureOf(err error) *Failure {
	f := &Failure{Code: 1, Text: oneLine(err.Error())}
	for _, c := range codes[1:] {
		if errors.Is(err, c.err) {
			f.Code = c.code
			break
		}
	}
	return f
}

// oneLine bounds a text to maxText bytes and replaces characters that could forge a log line or
// steer a terminal.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, s)
	if len(s) <= maxText {
		return s
	}
	s = s[:maxText]
	for !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return s
}
