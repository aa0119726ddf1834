package pathmodel

import (
	"errors"
	"fmt"
	"net"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/benchmarks"
)

// socket is a blocking TCP socket whose calls the Go runtime does not see: a thread that waits
// in one keeps its processor of the runtime.
type socket struct{ fd uintptr }

// errHungUp means that the other end has closed the connection.
var errHungUp = errors.New("the connection was closed")

// newSocket takes conn over.
func newSocket(conn *net.TCPConn) (socket, error) {
	fd, err := benchmarks.TakeSocket(conn)
	return socket{uintptr(fd)}, err
}

// receive fills b, with one call unless a signal comes.
func (s socket) receive(b []byte) error {
	for len(b) > 0 {
		n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, s.fd, uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), unix.MSG_WAITALL, 0, 0)
		switch {
		case errno == unix.EINTR:
		case errno != 0:
			return fmt.Errorf("receive %d bytes: %w", len(b), errno)
		case n == 0:
			return errHungUp
		default:
			b = b[n:]
		}
	}
	return nil
}

// send sends head and then data, which may be nil, with one call unless the buffer is full.
func (s socket) send(head, data []byte) error {
	for len(head)+len(data) > 0 {
		var iov [2]unix.Iovec
		parts := 0
		for _, b := range [2][]byte{head, data} {
			if len(b) > 0 {
				iov[parts] = unix.Iovec{Base: &b[0], Len: uint64(len(b))}
				parts++
			}
		}
		msg := unix.Msghdr{Iov: &iov[0], Iovlen: uint64(parts)}
		n, _, errno := unix.RawSyscall(unix.SYS_SENDMSG, s.fd, uintptr(unsafe.Pointer(&msg)), unix.MSG_NOSIGNAL)
		switch {
		case errno == unix.EINTR:
		case errno != 0:
			return fmt.Errorf("send %d bytes: %w", len(head)+len(data), errno)
		default:
			sent := int(n)
			cut := min(sent, len(head))
			head, data = head[cut:], data[sent-cut:]
		}
	}
	return nil
}

// shut ends the connection; whoever waits in a call returns. The file stays open.
func (s socket) shut() { _ = unix.Shutdown(int(s.fd), unix.SHUT_RDWR) }

func (s socket) close() error { return unix.Close(int(s.fd)) }
