package control

import (
	"context"
	"errors"
	"fmt"
	"math"
)

// Call sends a request and waits for the answer until the context ends or Timing.Call has passed.
// It returns the peer's Failure as an error that wraps the sentinel. Without an answer in time it
// returns ErrTimeout and the context's error. If the session ends, Call returns the session's Err, and
// if its connection breaks, ErrPeerLost. After ErrTimeout and ErrPeerLost the peer may carry the
// request out, or have done so.
func (s *Session) Call(ctx context.Context, req Message) (Message, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timing.Call)
	defer cancel()
	return s.call(ctx, req)
}

// call is Call without the limit.
func (s *Session) call(ctx context.Context, req Message) (Message, error) {
	return s.current().call(ctx, req)
}

func (l *line) call(ctx context.Context, req Message) (Message, error) {
	answer := kinds[req.kind()].answer
	if answer == 0 {
		return nil, fmt.Errorf("call %v: %w: not a request", req.kind(), ErrInvalid)
	}

	reply := make(chan Message, 1)
	id, err := l.register(pendingCall{answer, reply})
	if err != nil {
		return nil, fmt.Errorf("%v of %v: %w", req.kind(), l.peer, err)
	}
	defer l.unregister(id)
	b, err := appendFrame(nil, id, false, req)
	if err != nil {
		return nil, fmt.Errorf("call %v: %w", l.peer, err)
	}
	if err := l.send(ctx, b); err != nil {
		return nil, l.callError(ctx, req, err)
	}
	select {
	case m := <-reply:
		if f, ok := m.(*Failure); ok {
			return nil, fmt.Errorf("%v of %v: %w", req.kind(), l.peer, f)
		}
		return m, nil
	case <-ctx.Done():
		return nil, l.callError(ctx, req, ctx.Err())
	case <-l.ctx.Done():
		return nil, l.callError(ctx, req, l.failure())
	}
}

func (l *line) callError(ctx context.Context, req Message, err error) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) && l.failure() == nil {
		err = fmt.Errorf("%w: %w", ErrTimeout, ctx.Err())
	}
	return fmt.Errorf("%v of %v: %w", req.kind(), l.peer, err)
}

func (l *line) register(c pendingCall) (uint32, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.err != nil:
		return 0, l.err
	case len(l.pending) >= maxPending:
		return 0, fmt.Errorf("%w: %d calls already wait for an answer", ErrBusy, maxPending)
	case l.last == math.MaxUint32:
		return 0, fmt.Errorf("%w: the session has used up its request numbers: open a new session", ErrBusy)
	}
	l.last++
	l.pending[l.last] = c
	return l.last, nil
}

func (l *line) unregister(id uint32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.pending, id)
}
