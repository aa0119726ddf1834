package control

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"time"
)

// read is the only goroutine that reads. It finds a lost peer by the deadline of each frame, since a
// live peer sends pings.
func (s *Session) read(r *bufio.Reader) {
	defer close(s.unread)
	for {
		_ = s.conn.SetReadDeadline(time.Now().Add(s.timing.silence()))
		f, err := readFrame(r)
		if err == nil {
			err = s.receive(f)
		}
		if err != nil {
			s.lost(err)
			s.drain(r, err)
			return
		}
	}
}

// drain reads on after a violation, so that the peer can read why the session ends: see lingerClose.
func (s *Session) drain(r *bufio.Reader, err error) {
	if !errors.Is(err, ErrProtocol) && !errors.Is(err, ErrBusy) {
		return
	}
	_ = s.conn.SetReadDeadline(time.Now().Add(farewell))
	_, _ = io.Copy(io.Discard, io.LimitReader(r, 2*maxFrame))
}

// receive handles one frame. It never blocks, because a slow handler must not stop the keepalive.
func (s *Session) receive(f frame) error {
	switch {
	case f.reply:
		return s.receiveReply(f)
	case f.kind == kindFailure:
		return s.receiveEnd(f)
	case f.kind == kindPing:
		return s.pong(f)
	}
	req := incoming{id: f.id}
	if e, known := kinds[f.kind]; known && e.answer == 0 {
		return fmt.Errorf("%w: %v is not a request", ErrProtocol, f.kind)
	} else if !known {
		req.err = fmt.Errorf("%w: %v", ErrUnsupported, f.kind)
	} else if m, err := decode(f); err != nil {
		return err
	} else {
		req.msg = m
	}
	select {
	case s.in <- req:
		return nil
	default:
		return fmt.Errorf("%w: the peer sent more than %d requests without waiting", ErrBusy, maxQueued)
	}
}

// pong answers a ping. It does not when the queue of frames to send is full, since the peer then
// hears from this side anyway. Keepalive pings have number 0 and get no answer.
func (s *Session) pong(f frame) error {
	if _, err := decode(f); err != nil {
		return err
	}
	if f.id == 0 {
		return nil
	}
	b, err := appendFrame(nil, f.id, true, &Pong{})
	if err != nil {
		return err
	}
	select {
	case s.out <- b:
	default:
	}
	return nil
}

// receiveEnd ends the session with the peer's reason.
func (s *Session) receiveEnd(f frame) error {
	m, err := decode(f)
	if err != nil {
		return err
	}
	s.end(fmt.Errorf("session with %v: %w: %w", s.peer, ErrPeerClosed, m.(*Failure)))
	return nil
}

// receiveReply hands an answer to its call. It drops an answer for which no caller waits any more. An
// answer to a request that this side has not sent is a violation.
func (s *Session) receiveReply(f frame) error {
	s.mu.Lock()
	call, waits := s.pending[f.id]
	delete(s.pending, f.id)
	issued := f.id != 0 && f.id <= s.last
	s.mu.Unlock()
	if !issued {
		return fmt.Errorf("%w: the peer answers request %d, which this side has not sent", ErrProtocol, f.id)
	}
	m, err := decode(f)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	if !waits {
		return nil
	}
	if f.kind != call.answer && f.kind != kindFailure {
		return fmt.Errorf("%w: %v where %v or Failure belongs", ErrProtocol, f.kind, call.answer)
	}
	call.reply <- m
	return nil
}
