package control

import (
	"crypto/tls"
	"net"
)

// Peer is who is at the other end. Name is the certificate's, so two peers with
// the same name are the same identity; it is empty in insecure mode.
type Peer struct {
	Name    string
	Address string // host:port of the connection's far end
}

func (p Peer) String() string {
	if p.Name == "" {
		return p.Address
	}
	return p.Name + " (" + p.Address + ")"
}

// peerOf tells who is at the other end of a connection whose handshake is over.
func peerOf(conn net.Conn) Peer {
	p := Peer{Address: conn.RemoteAddr().String()}
	if c, ok := conn.(*tls.Conn); ok {
		p.Name = c.ConnectionState().PeerCertificates[0].Subject.CommonName
	}
	return p
}
