package tcp

import (
	"fmt"
	"net"
	"runtime"
	"time"

	"github.com/farswap/farswap/verbs"
)

// Config says how a Device or a Server works. The zero value is good.
type Config struct {
	// Threads is the number of the server's threads, 1 to 64; 0 stands for one
	// per CPU, 4 at most. Connections are spread over them. Devices have none:
	// their callers' loops do the work.
	Threads int
	// KeepProcs is uring.Config.KeepProc of the server's threads: they answer
	// faster, and Listen raises GOMAXPROCS of the whole process by Threads until
	// Close.
	KeepProcs bool
	// MaxConnections bounds the server's connections, 1 to 65536; 0 stands for
	// 1024. Each takes about 40 KiB. Sessions of one owner (verbs.Credential) have a
	// quarter of them at most.
	MaxConnections int
	// HandshakeTimeout bounds a connection's handshake; 0 stands for 3 s. At a
	// device, it bounds that of Connect whose context has no deadline.
	HandshakeTimeout time.Duration
	// UserTimeout is TCP_USER_TIMEOUT, at least 1 ms: how long sent data may
	// remain unacknowledged, or the peer's window shut, before the kernel ends
	// the connection. 0 stands for 10 s.
	UserTimeout time.Duration
	// SendBuffer and ReceiveBuffer are SO_SNDBUF and SO_RCVBUF in bytes; 0
	// leaves them to the kernel's autotuning, which is best except in tests.
	SendBuffer, ReceiveBuffer int
	// Events tells what happens to a server's connections.
	Events Events
	// Socket listens already, whatever the address of Listen; nil: Listen binds one. The
	// server owns it, and accepts nothing before Server.Begin.
	Socket *net.TCPListener
}

// Events are a server's callbacks; each may be nil. They must not block, and
// must not call the server. Rates are not limited: an unauthenticated peer can
// cause Rejected at will.
type Events struct {
	// Accepted: a device has connected and proven to know its session's secret.
	Accepted func(remote string, s verbs.SessionID)
	// Rejected: a connection failed in the handshake, or found no room.
	Rejected func(remote string, err error)
	// Ended: an accepted connection is gone and its memory is free. err says
	// why; it wraps io.EOF when the device closed it.
	Ended func(remote string, s verbs.SessionID, err error)
}

const (
	defaultThreads          = 4
	defaultMaxConnections   = 1024
	defaultHandshakeTimeout = 3 * time.Second
	defaultUserTimeout      = 10 * time.Second
	maxThreads              = 64
	limitConnections        = 65536
)

func (c Config) withDefaults() (Config, error) {
	if c.Threads == 0 {
		c.Threads = min(runtime.NumCPU(), defaultThreads)
	}
	if c.MaxConnections == 0 {
		c.MaxConnections = defaultMaxConnections
	}
	if c.HandshakeTimeout == 0 {
		c.HandshakeTimeout = defaultHandshakeTimeout
	}
	if c.UserTimeout == 0 {
		c.UserTimeout = defaultUserTimeout
	}
	switch {
	case c.Threads < 1 || c.Threads > maxThreads:
		return c, fmt.Errorf("%d threads, want 1 to %d: %w", c.Threads, maxThreads, verbs.ErrConfig)
	case c.MaxConnections < 1 || c.MaxConnections > limitConnections:
		return c, fmt.Errorf("%d connections, want 1 to %d: %w", c.MaxConnections, limitConnections, verbs.ErrConfig)
	case c.HandshakeTimeout < 0:
		return c, fmt.Errorf("handshake timeout %v is negative: %w", c.HandshakeTimeout, verbs.ErrConfig)
	case c.UserTimeout < time.Millisecond:
		return c, fmt.Errorf("user timeout %v, want at least 1ms: %w", c.UserTimeout, verbs.ErrConfig)
	case c.SendBuffer < 0 || c.ReceiveBuffer < 0:
		return c, fmt.Errorf("socket buffers of %d and %d bytes: %w", c.SendBuffer, c.ReceiveBuffer, verbs.ErrConfig)
	}
	return c, nil
}
