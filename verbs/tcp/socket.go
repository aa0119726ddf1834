package tcp

import (
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Keepalive finds a dead peer of an idle connection; a busy one is found by
// TCP_USER_TIMEOUT, and much earlier by QPConfig.Timeout.
const (
	keepIdle     = 5 // seconds
	keepInterval = 2 // seconds
	keepCount    = 3
)

// tune sets the socket's options.
func tune(conn syscall.Conn, cfg *Config) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	type option struct {
		name              string
		level, opt, value int
	}
	options := []option{
		{"TCP_NODELAY", unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},
		{"SO_KEEPALIVE", unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
		{"TCP_KEEPIDLE", unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, keepIdle},
		{"TCP_KEEPINTVL", unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, keepInterval},
		{"TCP_KEEPCNT", unix.IPPROTO_TCP, unix.TCP_KEEPCNT, keepCount},
		{"TCP_USER_TIMEOUT", unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(cfg.UserTimeout / time.Millisecond)},
	}
	if cfg.SendBuffer > 0 {
		options = append(options, option{"SO_SNDBUF", unix.SOL_SOCKET, unix.SO_SNDBUF, cfg.SendBuffer})
	}
	if cfg.ReceiveBuffer > 0 {
		options = append(options, option{"SO_RCVBUF", unix.SOL_SOCKET, unix.SO_RCVBUF, cfg.ReceiveBuffer})
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		for _, o := range options {
			if err := unix.SetsockoptInt(int(fd), o.level, o.opt, o.value); err != nil {
				failed = fmt.Errorf("set %s to %d: %w", o.name, o.value, err)
				return
			}
		}
	})
	return errors.Join(err, failed)
}

// takeFD takes the socket out of Go's hands: it returns a descriptor of it and
// closes conn. The socket is left in blocking mode, in which io_uring arms a
// poll by itself; non-blocking, it would answer EAGAIN instead.
func takeFD(conn *net.TCPConn) (int32, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return -1, errors.Join(err, conn.Close())
	}
	fd, dupErr := -1, error(nil)
	err = raw.Control(func(old uintptr) {
		fd, dupErr = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 3)
	})
	err = errors.Join(err, dupErr, conn.Close())
	if err == nil {
		err = unix.SetNonblock(fd, false)
	}
	if err != nil {
		if fd >= 0 {
			err = errors.Join(err, unix.Close(fd))
		}
		return -1, fmt.Errorf("take over a socket: %w", err)
	}
	return int32(fd), nil
}
