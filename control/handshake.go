package control

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"time"
)

// explain turns the error of a connection attempt into one line that says what to do. who is the peer
// as the user knows it. own is the identity of this side, or nil if it has none.
func explain(err error, who string, own *Identity) error {
	var (
		unknown  x509.UnknownAuthorityError
		invalid  x509.CertificateInvalidError
		host     x509.HostnameError
		notTLS   tls.RecordHeaderError
		op       *net.OpError
		told     *Failure
		ownError = errors.As(err, &told) || errors.Is(err, ErrProtocol) || errors.Is(err, ErrVersion) || errors.Is(err, ErrUntrusted) ||
			errors.Is(err, ErrInsecureAddress) || errors.Is(err, ErrRole) || errors.Is(err, ErrRevoked)
	)
	switch {
	case ownError:
		return fmt.Errorf("%s: %w", who, err)
	case errors.As(err, &unknown) && unknown.Cert != nil:
		return fmt.Errorf("%s: %w: %s is signed by CA %q, which is not the CA of this side: %w",
			who, ErrUntrusted, ofPeer(unknown.Cert), issuer(unknown.Cert), ErrOtherCA)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fmt.Errorf("%s: %w: %s: %s: renew it there, or set the clocks", who, ErrExpired,
			ofPeer(invalid.Cert), outside(invalid.Cert, time.Now()))
	case errors.As(err, &invalid) && invalid.Reason == x509.IncompatibleUsage:
		return fmt.Errorf("%s: %w: %s has %s, and TLS does not accept it here: issue one with another role",
			who, ErrRole, ofPeer(invalid.Cert), roleText(invalid.Cert))
	case errors.As(err, &host):
		return fmt.Errorf("%s: %w", who, &HostError{ofPeer(host.Certificate), hostsOf(host.Certificate), host.Host})
	case errors.As(err, &notTLS):
		return fmt.Errorf("%s: %w: %w", who, ErrProtocol, ErrPeerPlain)
	case errors.As(err, &op) && op.Op == "remote error":
		return fmt.Errorf("%s: %w", who, explainAlert(op.Err.Error(), own))
	case strings.HasSuffix(err.Error(), "client didn't provide a certificate"):
		return fmt.Errorf("%s: %w: the peer shows no certificate: give it one", who, ErrUntrusted)
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s: %w: the peer took too long to open the session", who, ErrTimeout)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.ErrClosedPipe),
		errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return fmt.Errorf("%s: %w: the peer closed the connection before the session was open: see its log", who, ErrPeerLost)
	}
	return fmt.Errorf("%s: %w", who, err)
}

// otherVersion returns the error for a peer of another protocol version.
func otherVersion(v uint16) error {
	return fmt.Errorf("%w: the peer speaks protocol %d, this side %d: run the same release of farswap on both", ErrVersion, v, Version)
}
