package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"

	"github.com/farswap/farswap/netlimit"
)

// streamLimits bound the accepted streams. memberlist keeps what a stream brings until all of it is there,
// at most maxState. A member has one stream at a time for each other one, for a moment.
var streamLimits = netlimit.Limits{Unproven: 48, PerOrigin: 32, Proven: 32, ProvenPerOrigin: 16, PerSecond: 50, AtOnce: 32}

// Bytes that a stream may bring: the state of a cluster of some 1,600 members with the longest
// announcements, or of twice as many members as this one knows. memberlist alone would take 20 MiB.
const (
	minState       = 1 << 20
	stateForMember = 2 * (maxAnnouncement + 128)
)

// transport is what memberlist's own transport is, with these additions: the greeting, bounds for streams
// and for what they bring, and a Shutdown that ends dialling and closes streams.
type transport struct {
	*sockets
	transportConfig
	accepted chan net.Conn // streams after their greeting, for memberlist
	ctx      context.Context
	cancel   context.CancelFunc
	wg       sync.WaitGroup

	mu       sync.Mutex // guards the fields below; never held across I/O
	closed   bool
	streams  map[*stream]struct{}
	failures map[string]error // of the last dial, by address
}

// transportConfig says for whom a transport works. Its functions may be called from any goroutine.
type transportConfig struct {
	self    nodeID
	keys    func() [][]byte // keys of the cluster, at least one; the first is the one to prove
	members func() int      // that this one knows
	timeout time.Duration   // of a greeting
	refused func(from net.Addr, err error)
}

// stream is a TCP connection that the transport can close. One goroutine at a time reads.
type stream struct {
	net.Conn
	t    *transport
	left int64 // bytes that may still come
}

// Read is part of net.Conn. It fails when the peer sends more than a cluster's state can have.
func (s *stream) Read(b []byte) (int, error) {
	if s.left <= 0 {
		return 0, fmt.Errorf("%w: a member sends more than the state of a cluster", ErrFull)
	}
	n, err := s.Conn.Read(b[:min(int64(len(b)), s.left)])
	s.left -= int64(n)
	return n, err
}

// Close is part of net.Conn.
func (s *stream) Close() error {
	s.t.mu.Lock()
	delete(s.t.streams, s)
	s.t.mu.Unlock()
	return s.Conn.Close()
}

var _ memberlist.NodeAwareTransport = (*transport)(nil)

func newTransport(s *sockets, cfg transportConfig) *transport {
	ctx, cancel := context.WithCancel(context.Background())
	t := &transport{
		sockets: s, transportConfig: cfg, accepted: make(chan net.Conn), ctx: ctx, cancel: cancel,
		streams: map[*stream]struct{}{}, failures: map[string]error{},
	}
	t.wg.Go(t.accept)
	return t
}

// accept takes streams until the socket is closed.
func (t *transport) accept() {
	for {
		guest, err := t.tcp.AcceptConn()
		switch {
		case err == nil:
			t.wg.Go(func() { t.welcome(guest) })
		case t.ctx.Err() != nil, errors.Is(err, net.ErrClosed):
			return
		default:
			time.Sleep(socketPause)
		}
	}
}

// welcome greets an accepted stream. One that is proven keeps its place until memberlist closes it.
func (t *transport) welcome(conn *netlimit.Conn) {
	s, err := t.track(conn)
	if err != nil {
		return
	}
	wants, err := welcome(s, t.keys(), t.self, time.Now().Add(t.timeout), conn.Prove)
	if err != nil || wants != wantsGossip {
		_ = s.Close()
		if err != nil {
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

// ask returns which node listens at an address, as that proves under the key of the cluster.
func (t *transport) ask(address string) (nodeID, error) {
	s, there, err := t.dial(address, t.timeout, wantsNode)
	if err != nil {
		return nodeID{}, err
	}
	return there, s.Close()
}

// track adds a connection to the streams that Shutdown closes. After Shutdown it closes the connection.
func (t *transport) track(conn net.Conn) (*stream, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, errors.Join(ErrClosed, conn.Close())
	}
	s := &stream{conn, t, max(minState, stateForMember*int64(t.members()))}
	t.streams[s] = struct{}{}
	return s, nil
}

// StreamCh is part of memberlist.Transport.
func (t *transport) StreamCh() <-chan net.Conn { return t.accepted }

// DialTimeout is part of memberlist.Transport.
func (t *transport) DialTimeout(address string, timeout time.Duration) (net.Conn, error) {
	s, _, err := t.dial(address, timeout, wantsGossip)
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

func (t *transport) dial(address string, timeout time.Duration, wants byte) (*stream, nodeID, error) {
	deadline := time.Now().Add(timeout)
	conn, err := (&net.Dialer{Deadline: deadline}).DialContext(t.ctx, "tcp", address)
	if err != nil {
		return nil, nodeID{}, err
	}
	s, err := t.track(conn)
	if err != nil {
		return nil, nodeID{}, err
	}
	there, err := greet(s, t.keys(), wants, deadline)
	if err != nil {
		return nil, nodeID{}, errors.Join(err, s.Close())
	}
	return s, there, nil
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
	err := t.sockets.close()
	t.wg.Wait()
	if err != nil {
		return fmt.Errorf("end gossip: %w", err)
	}
	return nil
}
