package pathmodel

import (
	"errors"
	"fmt"
	"net"
	"unsafe"

	"golang.org/x/sys/unix"
)

// socket is a blocking TCP socket whose calls the Go runtime does not see: a thread that waits
// in one keeps its processor of the runtime.
type socket struct{ fd uintptr }

// errHungUp means that the other end has closed the connection.
var errHungUp = errors.New("the connection was closed")

// newSocket takes conn over. The descriptor is a duplicate that the runtime's poller does not
// have, as it has that of an os.File: the poller's thread would wake up for each packet.
func newSocket(conn *net.TCPConn) (socket, error) {
	fd, err := -1, error(nil)
	raw, err1 := conn.SyscallConn()
	if err1 == nil {
		err1 = raw.Control(func(own uintptr) { fd, err = unix.FcntlInt(own, unix.F_DUPFD_CLOEXEC, 0) })
	}
	if err = errors.Join(err, err1, conn.Close()); err == nil {
		err = unix.SetNonblock(fd, false)
	}
	if err != nil {
		return socket{}, fmt.Errorf("take a connection from the runtime: %w", err)
	}
	return socket{uintptr(fd)}, nil
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
