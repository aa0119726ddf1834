package control

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"sync"
	"time"
)

// ClientConfig returns the TLS configuration of a device that dials a host. The donor must show a
// certificate of the same CA for that host, with one of the roles in want if there are any. The device
// shows its certificate to a donor of another CA, too, so that the donor can log its name. It goes by
// what the identity has when a handshake begins.
func (id *Identity) ClientConfig(host string, want ...Role) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return &id.now.Load().cert, nil
		},
		RootCAs:          id.now.Load().roots,
		ServerName:       withoutZone(host),
		VerifyConnection: id.verifier(want),
	}
}

// ServerConfig returns the TLS configuration of a donor. A device must show a certificate of the same
// CA, with one of the roles in want if there are any. TLS resumes no session, so every connection is
// checked. Each handshake goes by what the identity has then.
func (id *Identity) ServerConfig(want ...Role) *tls.Config {
	c := &tls.Config{
		MinVersion:             tls.VersionTLS13,
		GetCertificate:         func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &id.now.Load().cert, nil },
		ClientAuth:             tls.RequireAndVerifyClientCert,
		SessionTicketsDisabled: true,
		VerifyConnection:       id.verifier(want),
	}
	c.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		now := c.Clone() // with what the caller has changed since
		now.GetConfigForClient, now.ClientCAs = nil, id.now.Load().roots
		return now, nil
	}
	return c
}

// verifier checks what crypto/tls does not know of a peer whose chain it has verified: name, role and
// revocations.
func (id *Identity) verifier(want []Role) func(tls.ConnectionState) error {
	return func(cs tls.ConnectionState) error {
		return id.now.Load().accepts(cs.PeerCertificates[0], cs.VerifiedChains, want)
	}
}

func (p *papers) accepts(cert *x509.Certificate, chains [][]*x509.Certificate, want []Role) error {
	if name := nameOf(cert); !ValidName(name) {
		return fmt.Errorf("%w: the certificate has the name %q", ErrUntrusted, oneLine(name))
	}
	if err := checkRole(cert, ofPeer(cert), want); err != nil {
		return err
	}
	return p.revoked.check(chains)
}

// Shown is the certificate that a peer has shown in a handshake, and who judges it. The methods of a
// nil Shown, of a peer without certificate, are harmless. They may be called from any goroutine.
type Shown struct {
	id    *Identity
	certs []*x509.Certificate // the peer's first
	own   *x509.Certificate   // that this side has shown, or an older one; nil at a server
	usage x509.ExtKeyUsage
	want  []Role

	mu      sync.Mutex // guards what follows
	judged  *papers    // by what the certificate was last judged
	verdict error
	until   time.Time // when the first certificate of its chain ends
}

// ShownBy returns what a client has shown on a connection of this identity, nil if it has shown no
// certificate. want are the roles of which it must have one. Precondition: the handshake is over.
func (id *Identity) ShownBy(cs tls.ConnectionState, want ...Role) *Shown {
	return id.shown(cs, nil, x509.ExtKeyUsageClientAuth, want)
}

// shown is ShownBy for either side. own is what this side showed.
func (id *Identity) shown(cs tls.ConnectionState, own *x509.Certificate, usage x509.ExtKeyUsage, want []Role) *Shown {
	if id == nil || len(cs.PeerCertificates) == 0 {
		return nil
	}
	return &Shown{id: id, certs: cs.PeerCertificates, own: own, usage: usage, want: want}
}

// leaf is the certificate that this side shows now, nil without an identity.
func (id *Identity) leaf() *x509.Certificate {
	if id == nil {
		return nil
	}
	return id.now.Load().cert.Leaf
}

// Check says whether the certificate is still good: ErrExpired, ErrRevoked, ErrUntrusted or ErrRole. It
// judges the certificate again when the identity's files have changed, and costs nothing otherwise.
func (c *Shown) Check(now time.Time) error {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.id.now.Load(); p != c.judged {
		c.judged = p
		c.until, c.verdict = c.judge(p, now)
	}
	if c.verdict == nil && now.After(c.until) {
		return fmt.Errorf("%w: %s: it ended %s: renew it there", ErrExpired, ofPeer(c.certs[0]), utc(c.until))
	}
	return c.verdict
}

// Until is when the certificate, or one of those above it, ends.
func (c *Shown) Until() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.until
}

// judge verifies the chain anew.
func (c *Shown) judge(p *papers, now time.Time) (until time.Time, err error) {
	cert := c.certs[0]
	if wrong := outside(cert, now); wrong != "" {
		return cert.NotAfter, fmt.Errorf("%w: %s: %s: renew it there", ErrExpired, ofPeer(cert), wrong)
	}
	between := x509.NewCertPool()
	for _, above := range c.certs[1:] {
		between.AddCert(above)
	}
	chains, err := cert.Verify(x509.VerifyOptions{
		Roots: p.roots, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{c.usage},
	})
	if err != nil {
		return cert.NotAfter, fmt.Errorf("%w: %s is signed by CA %q, which this side does not trust any more: %w",
			ErrUntrusted, ofPeer(cert), issuer(cert), err)
	}
	for _, chain := range chains {
		first := cert.NotAfter
		for _, above := range chain {
			if above.NotAfter.Before(first) {
				first = above.NotAfter
			}
		}
		if first.After(until) {
			until = first
		}
	}
	return until, p.accepts(cert, chains, c.want)
}

// soon is how long before the end of a peer's certificate a device looks for a renewed one. A
// certificate that has less of its life left has half of that: each look that finds the same
// certificate waits for half of the rest.
const soon = time.Hour

// aging returns when it is time to look whether the peer has renewed its certificate.
func (c *Shown) aging() time.Time {
	until := c.Until()
	return until.Add(-min(soon, time.Until(until)/2))
}

// outdated reports whether this side has another certificate than the one that it has shown.
func (c *Shown) outdated() bool { return !c.own.Equal(c.id.leaf()) }
