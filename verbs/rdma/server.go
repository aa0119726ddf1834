//go:build cgo

package rdma

/*
#include "adapter.h"
#include "cm.h"
#include "qp.h"
*/
import "C"

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/farswap/farswap/verbs"
	"github.com/farswap/farswap/verbs/internal/handshake"
)

const (
	// backlog is how many requests for a connection wait in the kernel.
	backlog = 128
	// maxSlots are the connections that a session can have, less those that a refused
	// access may have ended: each of these was a guess at a region that is not the
	// session's.
	maxSlots = 1024
	// maxNonces bounds the connections without a place that a session makes in its life:
	// the server remembers each.
	maxNonces = 65536
	// maxPlaces bounds the places of a session: the server remembers each for as long as
	// the session lives.
	maxPlaces = 4096
	// fenceTime is how long the server tries to end an earlier connection of a place.
	fenceTime = time.Second
	// relistenPause is the wait between attempts to serve again after the RDMA
	// device has gone.
	relistenPause = time.Second
)

// Server is the passive side. See package verbs for the rules of its methods.
// It serves one RDMA device.
type Server struct {
	cfg     Config
	channel *channel
	ctx     context.Context // ends with the server
	stop    context.CancelFunc
	serving sync.WaitGroup
	ending  sync.WaitGroup // adapters that are being closed

	mu       sync.Mutex // guards what follows; held while the libraries work, which is control all of it
	closed   bool
	bind     netip.AddrPort // the port as it was given out
	zone     uint32
	listener *C.struct_rdma_cm_id // nil while the device is away
	adapter  *adapter             // nil likewise
	sessions map[verbs.SessionID]*session
	prepared map[uint64]*memory // by address
	peers    map[*C.struct_rdma_cm_id]*peer
	stats    verbs.ServerStats
}

type session struct {
	id      verbs.SessionID
	secret  [32]byte
	owner   string
	nonces  map[handshake.Nonce]struct{} // of its requests without a place, so that none is taken twice
	places  map[uint32]uint64            // the highest generation that was claimed
	regions map[verbs.Key]*memory
	slots   int // in use: by connections, or by what may have been guesses
}

// memory is registered memory.
type memory struct {
	mr    *C.struct_ibv_mr // nil when its adapter is gone
	bytes []byte
	base  uint64 // the address at which peers see it
}

// peer is the passive end of a connection.
type peer struct {
	session *session
	place   uint32
	qp      *C.struct_fs_qp
	remote  string
	left    bool // has given its slot back, or used it up
}

// Listen serves RDMA at addr, host:port; port 0 takes a free one. The device is
// the one that the address belongs to; for an address that stands for all, it is
// cfg.Device or the first with an active port. verbs.ErrUnavailable when there is
// none.
func Listen(addr string, cfg Config) (*Server, error) {
	fail := func(err error) (*Server, error) {
		return nil, fmt.Errorf("serve RDMA on %s: %w", addr, err)
	}
	cfg, err := cfg.withDefaults()
	if err != nil {
		return fail(err)
	}
	if err := Available(); err != nil {
		return fail(err)
	}
	s := &Server{
		cfg:      cfg,
		sessions: make(map[verbs.SessionID]*session), prepared: make(map[uint64]*memory),
		peers: make(map[*C.struct_rdma_cm_id]*peer),
	}
	s.ctx, s.stop = context.WithCancel(context.Background())
	resolving, cancel := context.WithTimeout(s.ctx, cfg.ConnectTimeout)
	s.bind, s.zone, err = resolve(resolving, addr)
	cancel()
	if err == nil {
		s.channel, err = newChannel()
	}
	if err != nil {
		s.stop()
		return fail(err)
	}
	s.mu.Lock()
	err = s.listen()
	s.mu.Unlock()
	if err != nil {
		s.stop()
		s.channel.close()
		return fail(err)
	}
	s.serving.Go(s.serve)
	return s, nil
}

// listen opens the device and listens. Nothing is left of it after an error. mu
// is held.
func (s *Server) listen() error {
	id, err := s.channel.id()
	if err != nil {
		return err
	}
	if r := C.fs_listen(id, newSockaddr(s.bind, s.zone).c(), backlog); r != 0 {
		C.fs_id_free(id)
		return fmt.Errorf("%w: %w: no RDMA device has the address, or the port is taken", verbs.ErrUnavailable, errno(r))
	}
	name := s.cfg.Device
	if bound := C.fs_id_device(id); bound != nil {
		got := C.GoString(bound)
		if name != "" && got != name {
			C.fs_id_free(id)
			return fmt.Errorf("the address belongs to RDMA device %s, not %s: choose the other device or another address: %w", got, name, verbs.ErrConfig)
		}
		name = got
	}
	a, err := openAdapter(name, s.lost)
	if err != nil {
		C.fs_id_free(id)
		return err
	}
	s.listener, s.adapter = id, a
	s.bind = netip.AddrPortFrom(s.bind.Addr(), uint16(C.fs_port(id)))
	return nil
}

// Name is "rdma".
func (s *Server) Name() string { return "rdma" }

// Address is host:port; the host is empty where the server listens on all
// addresses.
func (s *Server) Address() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	host := s.bind.Addr().String()
	if s.bind.Addr().IsUnspecified() {
		host = ""
	}
	return net.JoinHostPort(host, strconv.Itoa(int(s.bind.Port())))
}

// Device is the name of the RDMA device that serves, "" while it is away.
func (s *Server) Device() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.adapter == nil {
		return ""
	}
	return s.adapter.name()
}

// Admit makes a session. See verbs.Server.
func (s *Server) Admit(c verbs.Credential) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return fmt.Errorf("admit session %d: %w", c.Session, verbs.ErrClosed)
	}
	if s.sessions[c.Session] != nil {
		return fmt.Errorf("admit session %d: %w", c.Session, verbs.ErrSessionExists)
	}
	s.sessions[c.Session] = &session{
		id: c.Session, secret: c.Secret, owner: c.Owner, nonces: make(map[handshake.Nonce]struct{}), places: make(map[uint32]uint64),
		regions: make(map[verbs.Key]*memory),
	}
	return nil
}

// Revoke ends a session. See verbs.Server.
func (s *Server) Revoke(id verbs.SessionID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ses := s.sessions[id]
	if ses == nil {
		return
	}
	delete(s.sessions, id)
	s.endSession(ses)
}

// endSession ends the connections first: then nobody has a way to the keys,
// which matters if one could not be taken back. mu is held.
func (s *Server) endSession(ses *session) {
	for id, p := range s.peers {
		if p.session == ses {
			s.endPeer(id, verbs.ErrClosed)
		}
	}
	for key, m := range ses.regions {
		delete(ses.regions, key)
		_ = m.release()
	}
}

// Stats returns the totals. An RDMA server takes no part in operations, so those
// are not counted. See verbs.Server.
func (s *Server) Stats() verbs.ServerStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.stats
	for _, ses := range s.sessions {
		st.Regions += int64(len(ses.regions))
	}
	return st
}

// Close ends the server. See verbs.Server.
func (s *Server) Close() error {
	s.stop()
	s.serving.Wait()
	defer s.ending.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	err := s.away(verbs.ErrClosed)
	clear(s.sessions)
	clear(s.prepared)
	s.channel.close()
	return err
}
