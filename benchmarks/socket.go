package benchmarks

import (
	"errors"
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// TakeSocket returns a blocking descriptor of conn, and closes conn. The runtime's poller does
// not have it, as it has that of an os.File: a thread would wake up for each packet that comes,
// which costs as much as what a benchmark of bare calls measures. The caller closes it.
func TakeSocket(conn *net.TCPConn) (fd int, err error) {
	fd = -1
	raw, err := conn.SyscallConn()
	if err == nil {
		var dup error
		err = raw.Control(func(own uintptr) { fd, dup = unix.FcntlInt(own, unix.F_DUPFD_CLOEXEC, 0) })
		err = errors.Join(err, dup)
	}
	if err = errors.Join(err, conn.Close()); err == nil {
		err = unix.SetNonblock(fd, false)
	}
	if err != nil {
		if fd >= 0 {
			_ = unix.Close(fd)
		}
		return -1, fmt.Errorf("take a connection from the runtime: %w", err)
	}
	return fd, nil
}
