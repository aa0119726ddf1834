package control

import (
	"bufio"
	"crypto/x509"
	"fmt"
	"net"
)

// Lost makes a donor's side of a session whose connection is gone, with the device that it was with: what
// another process has left of it. Its calls fail with ErrPeerLost.
func Lost(peer Peer) *Session {
	ours, theirs := net.Pipe()
	_ = ours.Close()
	_ = theirs.Close()
	s := &Session{timing: Timing{}.withDefaults(), done: make(chan struct{})}
	s.line = newLine(s, ours, nil, &pulse{conn: ours}, bufio.NewReader(ours))
	s.line.peer = peer
	s.Abort(fmt.Errorf("session with %v: %w", peer, ErrPeerLost))
	return s
}

// Chain is the certificates that were shown, in DER, the peer's first. It is nil for nil.
func (c *Shown) Chain() [][]byte {
	if c == nil {
		return nil
	}
	var chain [][]byte
	for _, cert := range c.certs {
		chain = append(chain, cert.Raw)
	}
	return chain
}

// Recall makes what ShownBy has made of certificates, from Shown.Chain. It is nil without certificates.
func (id *Identity) Recall(chain [][]byte, want ...Role) (*Shown, error) {
	if id == nil || len(chain) == 0 {
		return nil, nil
	}
	c := &Shown{id: id, usage: x509.ExtKeyUsageClientAuth, want: want}
	for _, der := range chain {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUntrusted, err)
		}
		c.certs = append(c.certs, cert)
	}
	return c, nil
}
