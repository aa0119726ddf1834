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
)

// explain turns what a connection attempt failed with into one line that says
// what to do. who is the peer as the user knows it.
func explain(err error, who string) error {
	var (
		unknown  x509.UnknownAuthorityError
		invalid  x509.CertificateInvalidError
		host     x509.HostnameError
		notTLS   tls.RecordHeaderError
		op       *net.OpError
		told     *Failure
		ownError = errors.As(err, &told) || errors.Is(err, ErrProtocol) || errors.Is(err, ErrVersion) || errors.Is(err, ErrUntrusted) ||
			errors.Is(err, ErrInsecureAddress)
	)
	switch {
	case ownError:
		return fmt.Errorf("%s: %w", who, err)
	case errors.As(err, &unknown):
		return fmt.Errorf("%s: %w: another CA signed the peer's certificate: give both machines identities of one CA (farswap cert issue)", who, ErrUntrusted)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fmt.Errorf("%s: %w: the peer's certificate (%s to %s): renew it there (farswap cert issue), or set the clocks", who, ErrExpired,
			invalid.Cert.NotBefore.Format("2006-01-02"), invalid.Cert.NotAfter.Format("2006-01-02"))
	case errors.As(err, &host):
		return fmt.Errorf("%s: %w: the peer's certificate is not for this host: issue one that is (farswap cert issue --host %s)", who, ErrUntrusted, host.Host)
	case errors.As(err, &notTLS):
		return fmt.Errorf("%s: %w: the peer does not speak TLS: it runs with --insecure, or is no farswap", who, ErrProtocol)
	case errors.As(err, &op) && op.Op == "remote error":
		return fmt.Errorf("%s: %w", who, explainAlert(op.Err.Error()))
	case strings.HasSuffix(err.Error(), "client didn't provide a certificate"):
		return fmt.Errorf("%s: %w: the peer shows no certificate: give it one (farswap cert issue)", who, ErrUntrusted)
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s: %w: the peer took too long to open the session", who, ErrTimeout)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.ErrClosedPipe),
		errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return fmt.Errorf("%s: %w: the peer closed the connection before the session was open: see its log", who, ErrPeerLost)
	}
	return fmt.Errorf("%s: %w", who, err)
}

// explainAlert says why the peer refused this side's certificate. crypto/tls
// gives a remote alert as text only.
func explainAlert(text string) error {
	switch {
	case strings.Contains(text, "unknown certificate authority"):
		return fmt.Errorf("%w: the peer trusts another CA: give both machines identities of one CA (farswap cert issue)", ErrUntrusted)
	case strings.Contains(text, "expired certificate"):
		return fmt.Errorf("%w: the peer says so of this machine's certificate: renew it (farswap cert issue), or set the clocks", ErrExpired)
	case strings.Contains(text, "certificate"):
		return fmt.Errorf("%w: the peer refuses this machine's certificate (%s): its log says why: date, host name or CA", ErrUntrusted, text)
	}
	return fmt.Errorf("%w: %s", ErrProtocol, text)
}

// otherVersion says that the peers cannot talk.
func otherVersion(v uint16) error {
	return fmt.Errorf("%w: the peer speaks protocol %d, this side %d: run the same release of farswap on both", ErrVersion, v, Version)
}
