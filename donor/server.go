package donor

import (
	"errors"
	"sync"
	"sync/atomic"

	"github.com/farswap/farswap/verbs"
)

// server lends memory over one transport, and keeps account of what was prepared
// for it: each Prepare is followed by one Register or one Forget. Its methods may
// be called from any goroutine.
type server struct {
	verbs.Server
	end  sync.Once
	dead atomic.Bool // closed: nothing of it touches memory

	mu       sync.Mutex     // guards what follows; never held across the server's methods
	prepared map[*byte]bool // by first byte
	warned   bool           // that memory cannot be prepared
}

func newServer(s verbs.Server) *server {
	return &server{Server: s, prepared: make(map[*byte]bool)}
}

// prepare does ahead of need what a Register of mem would take long for. mem is
// not registered, and nobody else prepares or registers it.
func (s *server) prepare(mem []byte) error {
	if err := s.Prepare(mem); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.prepared[&mem[0]] = true
	return nil
}

// forget takes prepare back, if nothing has come of it.
func (s *server) forget(mem []byte) error {
	s.mu.Lock()
	was := s.prepared[&mem[0]]
	delete(s.prepared, &mem[0])
	s.mu.Unlock()
	if !was || s.dead.Load() {
		return nil
	}
	err := s.Forget(mem)
	if err != nil && ended(err) {
		return s.close()
	}
	return err
}

// register lends mem to a session.
func (s *server) register(id verbs.SessionID, mem []byte) (verbs.Grant, error) {
	grant, err := s.Register(id, mem)
	if err == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.prepared, &mem[0])
	}
	return grant, err
}

// deregister takes memory back. A server that has ended lends none.
func (s *server) deregister(id verbs.SessionID, k verbs.Key) error {
	if s.dead.Load() {
		return nil
	}
	return s.Deregister(id, k)
}

// close ends the server. When it returns, also in a second caller, no memory is
// touched any more.
func (s *server) close() error {
	var err error
	s.end.Do(func() {
		err = s.Close()
		s.dead.Store(true)
	})
	return err
}

// warn reports whether this is the first time in a row that memory could not be
// prepared.
func (s *server) warn(failed bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := failed && !s.warned
	s.warned = failed
	return first
}

// ended says whether an error means that a server has ended, which none does but
// by a failure. One whose adapter is away says otherwise, and serves again.
func ended(err error) bool { return errors.Is(err, verbs.ErrClosed) }
