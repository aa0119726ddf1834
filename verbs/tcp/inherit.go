package tcp

import (
	"fmt"
	"os"
	"sync"

	"github.com/farswap/farswap/verbs"
)

// A server can go on in another process with what it had, if that has its memory, too: keys are the
// server's own tables. The old process calls Socket, and closes the server. The new one listens on
// that socket (Config.Socket), admits the sessions, restores their keys and calls Begin. Devices that
// connect meanwhile wait in the kernel.

// Socket is another descriptor of the listening socket. It is the caller's to close.
func (s *Server) Socket() (*os.File, error) { return s.listener.File() }

// Begin begins to accept connections on Config.Socket. Elsewhere, and a second time, it does nothing. It must
// not be called after Close.
func (s *Server) Begin() { s.begin() }

// Restore is Register under a key that another server has given out for the memory. The error is
// verbs.ErrNoKey if the session has the key already, and otherwise Register's.
func (s *Server) Restore(id verbs.SessionID, k verbs.Key, mem []byte) error {
	s.control.Lock()
	defer s.control.Unlock()
	fail := func(err error) error { return fmt.Errorf("restore memory of session %d: %w", id, err) }
	if len(mem) == 0 {
		return fail(verbs.ErrBounds)
	}
	s.mu.Lock()
	ses := s.sessions[id]
	taken := false
	if ses != nil {
		if _, taken = ses.regions[k]; !taken {
			ses.regions[k] = mem
		}
	}
	s.mu.Unlock()
	switch {
	case ses == nil:
		return fail(verbs.ErrNoSession)
	case taken || k == 0:
		return fail(verbs.ErrNoKey)
	}
	s.each(func(w *worker, done *sync.WaitGroup) { w.register(ses, k, mem, done) })
	return nil
}
