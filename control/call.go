package control

import (
	"context"
	"errors"
	"fmt"
	"math"
)

// Call sends a request and waits for the answer until the context ends or Timing.Call has passed.
// It returns the peer's Failure as an error that wraps the sentinel. Without an answer in time it
// returns ErrTimeout and the context's error; then the peer may still carry the request out. If the
// session ends, Call returns the session's Err.
func (s *Session) Call(ctx context.Context, req Message) (Message, error) {
	answer := kinds[req.kind()].answer
	if answer == 0 {
		return nil, fmt.Errorf("call %v: %w: not a request", req.kind(), ErrInvalid)
	}
	ctx, cancel := context.WithTimeout(ctx, s.timing.Call)
	defer cancel()

	reply := make(chan Message, 1)
	id, err := s.register(pendingCall{answer, reply})
	if err != nil {
		return nil, fmt.Errorf("%v of %v: %w", req.kind(), s.peer, err)
	}
	defer s.unregister(id)
	b, err := appendFrame(nil, id, false, req)
	if err != nil {
		return nil, fmt.Errorf("call %v: %w", s.peer, err)
	}
	if err := s.send(ctx, b); err != nil {
		return nil, s.callError(ctx, req, err)
	}
	select {
	case m := <-reply:
		if f, ok := m.(*Failure); ok {
			return nil, fmt.Errorf("%v of %v: %w", req.kind(), s.peer, f)
		}
		return m, nil
	case <-ctx.Done():
		return nil, s.callError(ctx, req, ctx.Err())
	case <-s.ctx.Done():
		return nil, s.callError(ctx, req, s.Err())
	}
}

func (s *Session) callError(ctx context.Context, req Message, err error) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) && s.Err() == nil {
		err = fmt.Errorf("%w: %w", ErrTimeout, ctx.Err())
	}
	return fmt.Errorf("%v of %v: %w", req.kind(), s.peer, err)
}

func (s *Session) register(c pendingCall) (uint32, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.err != nil:
		return 0, s.err
	case len(s.pending) >= maxPending:
		return 0, fmt.Errorf("%w: %d calls already wait for an answer", ErrBusy, maxPending)
	case s.last == math.MaxUint32:
		return 0, fmt.Errorf("%w: the session has used up its request numbers: open a new session", ErrBusy)
	}
	s.last++
	s.pending[s.last] = c
	return s.last, nil
}

func (s *Session) unregister(id uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.pending, id)
}
