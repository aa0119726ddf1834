package tcp

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"

	"github.com/farswap/farswap/netlimit"
	"github.com/farswap/farswap/verbs"
)

// Server is the passive side. See package verbs for the rules of its methods.
type Server struct {
	cfg      Config
	listener *netlimit.Listener
	workers  []*worker
	begin    func()             // begins to accept, once
	stop     context.CancelFunc // ends handshakes
	serving  sync.WaitGroup     // the accept loop and handshakes

	next  atomic.Uint64 // spreads connections over workers
	conns atomic.Int64  // connections, from their handshake's success to their end

	accepted, rejected atomic.Uint64

	// control makes Admit, Revoke, Register, Deregister and Close take turns:
	// they wait for the workers while they hold it. The handshakes do not.
	control sync.Mutex

	mu       sync.Mutex // guards sessions and what is in them, owned and closed
	sessions map[verbs.SessionID]*session
	owned    map[string]int // connections of conns, by owner; without those that have none
	closed   bool
}

// session is what the server knows of an admitted session. Workers know it by
// its address, so that a session admitted anew is not mistaken for the old one.
type session struct {
	id      verbs.SessionID
	secret  [32]byte
	owner   string
	regions map[verbs.Key][]byte
	places  map[uint32]*place
	heard   []*atomic.Uint64 // batches that have come, by worker that has served the session
}

// Listen starts a server at addr, host:port; port 0 takes a free one.
func Listen(addr string, cfg Config) (*Server, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	l, err := listenOn(addr, cfg.Socket)
	if err != nil {
		return nil, err // says "listen tcp ADDR: …" already
	}
	ctx, stop := context.WithCancel(context.Background())
	s := &Server{
		cfg: cfg, listener: l, stop: stop,
		sessions: make(map[verbs.SessionID]*session), owned: make(map[string]int),
	}
	for range cfg.Threads {
		w, err := startWorker(s)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("listen on %s: %w", addr, err), s.Close())
		}
		s.workers = append(s.workers, w)
	}
	s.begin = sync.OnceFunc(func() { s.serving.Go(func() { s.accept(ctx) }) })
	if cfg.Socket == nil {
		s.begin()
	}
	return s, nil
}

func listenOn(addr string, socket *net.TCPListener) (*netlimit.Listener, error) {
	if socket != nil {
		return netlimit.Over(socket, handshakes)
	}
	return netlimit.Listen(addr, handshakes)
}

// Address is host:port as the listener has it.
func (s *Server) Address() string { return s.listener.Addr().String() }

// Name is "tcp".
func (s *Server) Name() string { return "tcp" }

// Admit makes a session. See verbs.Server.
func (s *Server) Admit(c verbs.Credential) error {
	s.control.Lock()
	defer s.control.Unlock()
	ses := &session{id: c.Session, secret: c.Secret, owner: c.Owner, regions: make(map[verbs.Key][]byte), places: make(map[uint32]*place)}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return fmt.Errorf("admit session %d: %w", c.Session, verbs.ErrClosed)
	}
	if s.sessions[c.Session] != nil {
		return fmt.Errorf("admit session %d: %w", c.Session, verbs.ErrSessionExists)
	}
	s.sessions[c.Session] = ses
	return nil
}

// Prepare does nothing: over TCP, memory is lent as it is.
func (s *Server) Prepare([]byte) error { return nil }

// Forget does nothing, as Prepare.
func (s *Server) Forget([]byte) error { return nil }

// Revoke ends a session. See verbs.Server.
func (s *Server) Revoke(id verbs.SessionID) {
	s.control.Lock()
	defer s.control.Unlock()
	s.mu.Lock()
	ses := s.sessions[id]
	delete(s.sessions, id)
	s.mu.Unlock()
	if ses == nil {
		return
	}
	s.each(func(w *worker, done *sync.WaitGroup) { w.revoke(ses, done) })
}

// Register lends memory. See verbs.Server.
func (s *Server) Register(id verbs.SessionID, mem []byte) (verbs.Grant, error) {
	s.control.Lock()
	defer s.control.Unlock()
	if len(mem) == 0 {
		return verbs.Grant{}, fmt.Errorf("register no memory for session %d: %w", id, verbs.ErrBounds)
	}
	s.mu.Lock()
	ses := s.sessions[id]
	var key verbs.Key
	if ses != nil {
		key = ses.newKey()
		ses.regions[key] = mem
	}
	s.mu.Unlock()
	if ses == nil {
		return verbs.Grant{}, fmt.Errorf("register memory for session %d: %w", id, verbs.ErrNoSession)
	}
	s.each(func(w *worker, done *sync.WaitGroup) { w.register(ses, key, mem, done) })
	return verbs.Grant{Key: key, Length: uint64(len(mem))}, nil
}

// newKey returns a random key that the session does not have yet.
// Preconditions: the server's mu is held.
func (ses *session) newKey() verbs.Key {
	for {
		var b [8]byte
		_, _ = rand.Read(b[:])
		k := verbs.Key(le.Uint64(b[:]))
		if _, taken := ses.regions[k]; !taken && k != 0 {
			return k
		}
	}
}

// Deregister takes memory back. See verbs.Server.
func (s *Server) Deregister(id verbs.SessionID, k verbs.Key) error {
	s.control.Lock()
	defer s.control.Unlock()
	s.mu.Lock()
	ses := s.sessions[id]
	var mem []byte
	if ses != nil {
		mem = ses.regions[k]
		delete(ses.regions, k)
	}
	s.mu.Unlock()
	switch {
	case ses == nil:
		return fmt.Errorf("deregister memory of session %d: %w", id, verbs.ErrNoSession)
	case mem == nil:
		return fmt.Errorf("deregister memory of session %d: %w", id, verbs.ErrNoKey)
	}
	s.each(func(w *worker, done *sync.WaitGroup) { w.deregister(ses, k, mem, done) })
	return nil
}

// each runs f on every worker's thread and waits until each has called done.Done.
// Preconditions: control is held.
func (s *Server) each(f func(w *worker, done *sync.WaitGroup)) {
	var done sync.WaitGroup
	for _, w := range s.workers {
		done.Add(1)
		// A worker that has ended has no connection left.
		if !w.loop.Post(func() { f(w, &done) }) {
			done.Done()
		}
	}
	done.Wait()
}

// Heard counts the batches of operations that have come in a session. It only rises, and is 0 for an
// unknown session.
func (s *Server) Heard(id verbs.SessionID) (batches uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ses := s.sessions[id]; ses != nil {
		for _, n := range ses.heard {
			batches += n.Load()
		}
	}
	return batches
}

// Stats returns the totals. See verbs.Server.
func (s *Server) Stats() verbs.ServerStats {
	st := verbs.ServerStats{
		Connections: s.conns.Load(),
		Accepted:    s.accepted.Load(),
		Rejected:    s.rejected.Load(),
	}
	for _, w := range s.workers {
		c := &w.counters
		st.Reads += c.reads.Load()
		st.Writes += c.writes.Load()
		st.ReadBytes += c.readBytes.Load()
		st.WriteBytes += c.writeBytes.Load()
		st.AccessErrors += c.accessErrors.Load()
		st.Protocol += c.protocol.Load()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, ses := range s.sessions {
		st.Regions += int64(len(ses.regions))
	}
	return st
}

// Close ends the server. See verbs.Server.
func (s *Server) Close() error {
	s.control.Lock()
	defer s.control.Unlock()
	s.mu.Lock()
	was := s.closed
	s.closed = true
	clear(s.sessions)
	s.mu.Unlock()
	if was {
		return nil
	}
	err := s.listener.Close()
	s.stop()
	s.serving.Wait()
	for _, w := range s.workers {
		w.loop.Post(w.quit)
	}
	for _, w := range s.workers {
		err = errors.Join(err, <-w.ended)
	}
	if err != nil {
		return fmt.Errorf("close the server at %s: %w", s.Address(), err)
	}
	return nil
}
