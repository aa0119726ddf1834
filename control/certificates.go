package control

import (
	"crypto/x509"
	"fmt"
	"strings"
	"time"
)

// explainAlert says why the peer refuses this side's certificate. crypto/tls returns a remote alert
// as text only, and a device sends the same alert for every reason, so the error may list all
// reasons that are possible.
func explainAlert(text string, own *Identity) error {
	if own == nil || !strings.Contains(text, "certificate") {
		return fmt.Errorf("%w: %s", ErrProtocol, text)
	}
	cert := own.now.Load().cert.Leaf
	mine := fmt.Sprintf("this machine's certificate %q", own.Name)
	dates := utc(cert.NotBefore) + " to " + utc(cert.NotAfter)
	switch wrong := outside(cert, time.Now()); {
	case strings.Contains(text, "unknown certificate authority"):
		return fmt.Errorf("%w: the peer trusts another CA than %q, which signed %s: %w",
			ErrUntrusted, issuer(cert), mine, ErrOtherCA)
	case wrong != "":
		return fmt.Errorf("%w: the peer refuses %s: %s: renew it, or set the clocks", ErrExpired, mine, wrong)
	case strings.Contains(text, "expired certificate"):
		return fmt.Errorf("%w: the peer says this about %s, which is valid from %s; here it is %s: %w", ErrExpired, mine, dates, utc(time.Now()), ErrClocks)
	}
	return fmt.Errorf("%w: the peer refuses %s (%s): it trusts another CA than %q, its clock is outside of %s, it dials another host than %s, it wants another role, or the certificate is revoked: its error says which",
		ErrUntrusted, mine, text, issuer(cert), dates, hostsOf(cert))
}

// outside says why a certificate is not valid at a time. It is empty if the certificate is valid.
func outside(cert *x509.Certificate, now time.Time) string {
	switch {
	case now.After(cert.NotAfter):
		return fmt.Sprintf("it ended %s, and here it is %s", utc(cert.NotAfter), utc(now))
	case now.Before(cert.NotBefore):
		return fmt.Sprintf("it is valid from %s on, and here it is %s", utc(cert.NotBefore), utc(now))
	}
	return ""
}

func utc(t time.Time) string { return t.UTC().Format(time.DateTime) + " UTC" }

// ofPeer names the peer's certificate. Do not trust its content.
func ofPeer(cert *x509.Certificate) string {
	return fmt.Sprintf("the peer's certificate %q", oneLine(nameOf(cert)))
}

func issuer(cert *x509.Certificate) string { return oneLine(cert.Issuer.CommonName) }

// hostsOf lists the hosts under which devices can dial a donor with this certificate.
func hostsOf(cert *x509.Certificate) string {
	var hosts []string
	for _, ip := range cert.IPAddresses {
		hosts = append(hosts, ip.String())
	}
	hosts = append(hosts, cert.DNSNames...)
	if len(hosts) == 0 {
		return "no host"
	}
	return oneLine(strings.Join(hosts, ", "))
}
