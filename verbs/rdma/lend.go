//go:build cgo

package rdma

import (
	"fmt"

	"github.com/farswap/farswap/verbs"
)

// register makes memory known to the adapter at a random address. mu is held.
func (s *Server) register(mem []byte) (*memory, error) {
	switch {
	case s.closed:
		return nil, verbs.ErrClosed
	case s.adapter == nil:
		return nil, fmt.Errorf("the RDMA device is away: %w", verbs.ErrUnavailable)
	case len(mem) == 0 || len(mem) > maxRegion:
		return nil, fmt.Errorf("%d bytes, want 1 to %d: %w", len(mem), maxRegion, verbs.ErrBounds)
	}
	m := &memory{bytes: mem, base: newBase()}
	mr, err := s.adapter.register(mem, m.base, false)
	if err != nil {
		return nil, err
	}
	m.mr = mr
	return m, nil
}

// release takes memory back: when it returns nil, no access can reach it.
// Server.mu is held.
func (m *memory) release() error {
	if m.mr == nil {
		return nil
	}
	err := deregister(m.mr)
	if err == nil {
		m.mr = nil
	}
	return err
}

// Prepare registers memory that no key has been given out for. See verbs.Server.
func (s *Server) Prepare(mem []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.adapter == nil && !s.closed {
		return nil // Register will do it, if the device has come back
	}
	m, err := s.register(mem)
	if err != nil {
		return fmt.Errorf("prepare memory: %w", err)
	}
	s.prepared[address(mem)] = m
	return nil
}

// Forget takes Prepare back. See verbs.Server.
func (s *Server) Forget(mem []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.forget(mem)
}

func (s *Server) forget(mem []byte) error {
	m := s.prepared[address(mem)]
	if m == nil {
		return nil
	}
	delete(s.prepared, address(mem))
	return m.release()
}

// Register lends memory. See verbs.Server. Its key is one that was never given
// out before.
func (s *Server) Register(id verbs.SessionID, mem []byte) (verbs.Grant, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fail := func(err error) (verbs.Grant, error) {
		return verbs.Grant{}, fmt.Errorf("register memory for session %d: %w", id, err)
	}
	if len(mem) == 0 {
		return fail(verbs.ErrBounds)
	}
	ses := s.sessions[id]
	if ses == nil {
		return fail(verbs.ErrNoSession)
	}
	m := s.prepared[address(mem)]
	if m != nil && len(m.bytes) == len(mem) {
		delete(s.prepared, address(mem))
	} else {
		if err := s.forget(mem); err != nil {
			return fail(err)
		}
		var err error
		if m, err = s.register(mem); err != nil {
			return fail(err)
		}
	}
	key := makeKey(uint32(m.mr.rkey), m.base)
	ses.regions[key] = m
	return verbs.Grant{Key: key, Length: uint64(len(mem))}, nil
}

// Deregister takes memory back. See verbs.Server.
func (s *Server) Deregister(id verbs.SessionID, k verbs.Key) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	ses := s.sessions[id]
	if ses == nil {
		return fmt.Errorf("deregister memory of session %d: %w", id, verbs.ErrNoSession)
	}
	m := ses.regions[k]
	if m == nil {
		return fmt.Errorf("deregister memory of session %d: %w", id, verbs.ErrNoKey)
	}
	if err := m.release(); err != nil {
		return fmt.Errorf("deregister memory of session %d: %w", id, err)
	}
	delete(ses.regions, k)
	return nil
}
