package netlimit

import (
	"fmt"
	"net"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// socket is an accepted connection: a descriptor that is not the Go runtime's yet, or, for the first of a
// batch, one that is. It has inherited from the listener that closing it resets it.
type socket struct {
	fd  int
	tcp *net.TCPConn // nil: fd is it
}

// reset ends the connection. The kernel keeps nothing of it.
func (s socket) reset() {
	if s.tcp != nil {
		_ = s.tcp.Close()
		return
	}
	_ = unix.Close(s.fd)
}

// open makes an ordinary connection of the socket: closing it sends what was written first. filtered says
// that the listener may have had a filter, which connections inherit. After an error the socket is closed.
func (s socket) open(filtered bool) (*net.TCPConn, error) {
	tcp := s.tcp
	if tcp == nil {
		f := os.NewFile(uintptr(s.fd), "connection")
		conn, err := net.FileConn(f) // has a descriptor of its own
		_ = f.Close()
		if err != nil {
			return nil, err
		}
		var ok bool
		if tcp, ok = conn.(*net.TCPConn); !ok {
			_ = conn.Close()
			return nil, fmt.Errorf("accept a connection: the network gave a %T", conn)
		}
	}
	if tcp.RemoteAddr() == nil { // the peer has reset it meanwhile
		_ = tcp.Close()
		return nil, unix.ECONNABORTED
	}
	err := tcp.SetLinger(-1)
	if err == nil && filtered {
		err = detachFilter(tcp)
	}
	if err != nil {
		_ = tcp.Close()
		return nil, err
	}
	return tcp, nil
}

// originOfSocket is originOf for the kernel's form of an address.
func originOfSocket(a unix.Sockaddr) Origin {
	switch a := a.(type) {
	case *unix.SockaddrInet4:
		return originOf(netip.AddrFrom4(a.Addr))
	case *unix.SockaddrInet6:
		return originOf(netip.AddrFrom16(a.Addr))
	}
	return Origin{}
}
