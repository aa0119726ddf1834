package control

import (
	"crypto/tls"
	"net"
)

// Peer is the other end of a session. Name is the name of its certificate, so two peers with the same
// name have the same identity. It is empty in insecure mode.
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

// peerOf returns the other end of a connection. Precondition: the handshake is over.
func peerOf(conn net.Conn) Peer {
	p := Peer{Address: conn.RemoteAddr().String()}
	if c, ok := conn.(*tls.Conn); ok {
		p.Name = nameOf(c.ConnectionState().PeerCertificates[0])
	}
	return p
}
