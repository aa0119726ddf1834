package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
)

// maxGreeting bounds the accepted streams without a greeting. The transport closes further ones at once,
// because memberlist would start a goroutine for each.
const maxGreeting = 64

// transport is memberlist's own transport with three additions: the greeting, and a Close that ends
// dialling and closes streams.
type transport struct {
	*memberlist.NetTransport
	id       keyID
	timeout  time.Duration // of a greeting
	refused  func(from net.Addr, err error)
	accepted chan net.Conn // streams after their greeting, for memberlist
	greeting chan struct{} // a token for each stream that is greeting
	ctx      context.Context
	cancel   context.CancelFunc
	ended    chan struct{} // closed once memberlist's transport accepts no more streams
	wg       sync.WaitGroup

	mu       sync.Mutex // guards the fields below; never held across I/O
	closed   bool
	streams  map[*stream]struct{}
	failures map[string]error // of the last dial, by address
}

// stream is a TCP connection that the transport can close.
type stream struct {
	net.Conn
	t *transport
}

// Close is part of net.Conn.
func (s *stream) Close() error {
	s.t.mu.Lock()
	delete(s.t.streams, s)
	s.t.mu.Unlock()
	return s.Conn.Close()
}

var _ memberlist.NodeAwareTransport = (*transport)(nil)

func newTransport(inner *memberlist.NetTransport, id keyID, timeout time.Duration, refused func(net.Addr, error)) *transport {
	ctx, cancel := context.WithCancel(context.Background())
	t := &transport{
		NetTransport: inner, id: id, timeout: timeout, refused: refused,
		accepted: make(chan net.Conn), greeting: make(chan struct{}, maxGreeting), ctx: ctx, cancel: cancel,
		ended: make(chan struct{}), streams: map[*stream]struct{}{}, failures: map[string]error{},
	}
	t.wg.Go(t.accept)
	return t
}

// accept takes streams until memberlist's transport has ended. It must not stop before, because that
// transport waits until somebody takes its streams.
func (t *transport) accept() {
	for {
		select {
		case <-t.ended:
			return
		case conn := <-t.NetTransport.StreamCh():
			select {
			case t.greeting <- struct{}{}:
				t.wg.Go(func() { t.welcome(conn) })
			default:
				_ = conn.Close()
			}
		}
	}
}

func (t *transport) welcome(conn net.Conn) {
	s, err := t.track(conn)
	if err == nil {
		err = welcome(s, t.id, time.Now().Add(t.timeout))
	}
	<-t.greeting
	if err != nil {
		_ = conn.Close()
		if s != nil {
			_ = s.Close()
			t.refused(conn.RemoteAddr(), err)
		}
		return
	}
	select {
	case t.accepted <- s:
	case <-t.ctx.Done():
		_ = s.Close()
	}
}

// track adds a connection to the streams that Shutdown closes. After Shutdown it closes the connection.
func (t *transport) track(conn net.Conn) (*stream, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, errors.Join(ErrClosed, conn.Close())
	}
	s := &stream{conn, t}
	t.streams[s] = struct{}{}
	return s, nil
}

// StreamCh is part of memberlist.Transport.
func (t *transport) StreamCh() <-chan net.Conn { return t.accepted }

// DialTimeout is part of memberlist.Transport.
func (t *transport) DialTimeout(address string, timeout time.Duration) (net.Conn, error) {
	s, err := t.dial(address, timeout)
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, wanted := t.failures[address]; wanted {
		t.failures[address] = err
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// DialAddressTimeout is part of memberlist.NodeAwareTransport.
func (t *transport) DialAddressTimeout(a memberlist.Address, timeout time.Duration) (net.Conn, error) {
	return t.DialTimeout(a.Addr, timeout)
}

func (t *transport) dial(address string, timeout time.Duration) (*stream, error) {
	deadline := time.Now().Add(timeout)
	conn, err := (&net.Dialer{Deadline: deadline}).DialContext(t.ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	s, err := t.track(conn)
	if err != nil {
		return nil, err
	}
	if err := greet(s, t.id, deadline); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// watching runs f and returns the error of the last dial to an address in it. memberlist returns this
// error as text only.
func (t *transport) watching(address string, f func()) error {
	t.mu.Lock()
	t.failures[address] = nil
	t.mu.Unlock()
	f()
	t.mu.Lock()
	defer t.mu.Unlock()
	err := t.failures[address]
	delete(t.failures, address)
	return err
}

// Shutdown is part of memberlist.Transport. It waits until every goroutine of
// the transport has ended and every stream is closed.
func (t *transport) Shutdown() error {
	t.mu.Lock()
	streams := t.streams
	t.streams, t.closed = map[*stream]struct{}{}, true
	t.mu.Unlock()
	t.cancel()
	for s := range streams {
		_ = s.Conn.Close() // an interrupted stream is not an error here
	}
	if err := t.NetTransport.Shutdown(); err != nil {
		return fmt.Errorf("end gossip: %w", err)
	}
	close(t.ended)
	t.wg.Wait()
	return nil
}
