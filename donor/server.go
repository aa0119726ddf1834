package donor

import (
	"errors"
	"sync"
	"sync/atomic"

	"github.com/farswap/farswap/verbs"
)

// server lends memory over one transport, and remembers which memory it has prepared: one
// Register or one Forget follows each Prepare. Its methods may be called from any goroutine.
type server struct {
	verbs.Server
	end  sync.Once
	dead atomic.Bool // closed: none of its operations touches memory

	mu       sync.Mutex     // guards the fields below; never held across a method of the server
	prepared map[*byte]bool // by first byte
	warned   bool           // the log says that the last preparation failed
}

func newServer(s verbs.Server) *server {
	return &server{Server: s, prepared: make(map[*byte]bool)}
}

// prepare does the slow part of a Register of mem ahead of need. Precondition: mem is not
// registered, and no other call prepares or registers it.
func (s *server) prepare(mem []byte) error {
	if err := s.Prepare(mem); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.prepared[&mem[0]] = true
	return nil
}

// forget undoes prepare, unless register has used it.
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

// deregister takes memory back. On a server that has ended it does nothing.
func (s *server) deregister(id verbs.SessionID, k verbs.Key) error {
	if s.dead.Load() {
		return nil
	}
	return s.Deregister(id, k)
}

// close ends the server. When it returns, to a second caller, too, the server touches no memory
// any more.
func (s *server) close() error {
	var err error
	s.end.Do(func() {
		err = s.Close()
		s.dead.Store(true)
	})
	return err
}

// warn reports whether this is the first failed preparation in a row.
func (s *server) warn(failed bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := failed && !s.warned
	s.warned = failed
	return first
}

// ended reports whether an error means that a server has ended. A server ends only by a failure.
// A server without its adapter returns another error, and serves again when the adapter is back.
func ended(err error) bool { return errors.Is(err, verbs.ErrClosed) }
