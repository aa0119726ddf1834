package netlimit

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// rest is the time between two looks at the kernel's queue of connections while the pace holds some
	// back. What comes meanwhile is accepted at once: a wakeup for each would cost more than accepting it.
	rest = 5 * time.Millisecond
	// lobbyPlaces is how many connections may wait for each that may be unproven. One that waits costs the
	// program some 100 bytes.
	lobbyPlaces = 4
	// maxBatch bounds the connections of one look. The kernel's queue is 4,096 long by default.
	maxBatch = 1024
)

// Listener is a TCP listener with a door.
type Listener struct {
	*net.TCPListener
	door *Door
	raw  syscall.RawConn

	accepting sync.Mutex // guards the fields below; held while somebody accepts
	lobby     *lobby
	sieve     *sieve
}

// Listen listens on host:port. Errors are the network's.
func Listen(address string, l Limits) (*Listener, error) {
	// Multipath TCP would cost each connection more, and its sockets take no filter.
	var plain net.ListenConfig
	plain.SetMultipathTCP(false)
	inner, err := plain.Listen(context.Background(), "tcp", address)
	if err != nil {
		return nil, err // says "listen tcp ADDRESS: …" already
	}
	tcp, ok := inner.(*net.TCPListener)
	if !ok {
		return nil, fmt.Errorf("listen on %s: the network gave a %T", address, inner)
	}
	listener, err := Over(tcp, l)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", address, errors.Join(err, tcp.Close()))
	}
	return listener, nil
}

// Over listens on a socket that is bound already, such as one of another process. The result owns it.
func Over(tcp *net.TCPListener, l Limits) (*Listener, error) {
	raw, err := tcp.SyscallConn()
	if err == nil {
		err = resetByDefault(raw)
	}
	if err == nil {
		err = forgetFilter(raw)
	}
	if err != nil {
		return nil, fmt.Errorf("take over a listening socket: %w", err)
	}
	door := NewDoor(l)
	places := door.limits
	places.Unproven *= lobbyPlaces
	places.PerOrigin *= lobbyPlaces
	return &Listener{TCPListener: tcp, door: door, raw: raw, lobby: newLobby(places, door.knows), sieve: newSieve(raw)}, nil
}

// forgetFilter takes away the filter that another listener may have left on the socket: the new one does not
// know whom it keeps out.
func forgetFilter(raw syscall.RawConn) error {
	var failure error
	err := raw.Control(func(fd uintptr) {
		failure = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_DETACH_FILTER, 0)
	})
	if errors.Is(failure, unix.ENOENT) { // it has none
		failure = nil
	}
	return errors.Join(err, failure)
}

// resetByDefault has accepted connections inherit that closing them resets them. So one system call gets rid
// of a stranger. Those that are let in do not keep it.
func resetByDefault(raw syscall.RawConn) error {
	var failure error
	err := raw.Control(func(fd uintptr) {
		failure = unix.SetsockoptLinger(int(fd), unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	})
	return errors.Join(err, failure)
}

// Accept waits for the next connection. The connection is a *Conn.
func (l *Listener) Accept() (net.Conn, error) {
	c, err := l.AcceptConn()
	if err != nil {
		return nil, err
	}
	return c, nil
}

// AcceptConn is Accept with the type of its result.
func (l *Listener) AcceptConn() (*Conn, error) {
	l.accepting.Lock()
	defer l.accepting.Unlock()
	for {
		if a, ok := l.lobby.next(time.Now()); ok {
			tcp, err := a.open(l.sieve.used)
			if err != nil { // the connection's error, not the listener's
				continue
			}
			if c := l.door.admit(tcp, a.number); !c.evicted.Load() {
				return c, nil
			}
			continue
		}
		if err := l.gather(); err != nil {
			for _, a := range l.lobby.takeAll() {
				a.reset()
			}
			return nil, err
		}
	}
}

// gather moves connections from the kernel's queue to the lobby. It waits until there is one, or, while some
// are held back, for a moment.
func (l *Listener) gather() error {
	if l.lobby.waiting == 0 && len(l.sieve.shut) == 0 {
		tcp, err := l.AcceptTCP()
		if err != nil {
			return err
		}
		from := Origin{}
		if a, ok := tcp.RemoteAddr().(*net.TCPAddr); ok {
			from = originOf(a.AddrPort().Addr())
		}
		l.arrive(socket{tcp: tcp}, from, time.Now())
	} else {
		time.Sleep(rest)
	}
	err := l.raw.Control(func(fd uintptr) { l.drain(int(fd)) })
	l.sieve.settle(time.Now())
	return err
}

// drain accepts what the kernel has already.
func (l *Listener) drain(fd int) {
	now := time.Now()
	for range maxBatch {
		conn, from, err := unix.Accept4(fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		switch {
		case err == nil:
			l.arrive(socket{fd: conn}, originOfSocket(from), now)
		case !errors.Is(err, unix.EINTR) && !errors.Is(err, unix.ECONNABORTED):
			return // nothing is left, or there is a shortage that AcceptTCP finds as well
		}
	}
}

// arrive lets a connection into the lobby, and resets who has to make room for it.
func (l *Listener) arrive(s socket, from Origin, now time.Time) {
	if victim, full := l.lobby.add(s, from, l.door.last.Add(1)); full {
		victim.reset()
		l.door.refused()
		l.sieve.count(victim.origin, now)
	}
}

// Stats returns the figures of the listener's door.
func (l *Listener) Stats() Stats { return l.door.Stats() }
