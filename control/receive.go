package control

import (
	"errors"
	"fmt"
	"io"
	"time"
)

// read is the only goroutine that reads. Its pulse finds a lost peer, since a live one sends pings.
func (l *line) read() {
	defer close(l.unread)
	for {
		l.pulse.frame()
		f, err := readFrame(l.reader)
		if err == nil {
			err = l.receive(f)
		}
		if err != nil {
			l.lost(err)
			l.drain(err)
			return
		}
	}
}

// drain reads on after a violation, so that the peer can read why the session ends: see lingerClose.
func (l *line) drain(err error) {
	if !errors.Is(err, ErrProtocol) && !errors.Is(err, ErrBusy) {
		return
	}
	l.pulse.until = time.Now().Add(farewell)
	_, _ = io.Copy(io.Discard, io.LimitReader(l.reader, 2*maxFrame))
}

// receive handles one frame. It never blocks, because a slow handler must not stop the keepalive.
func (l *line) receive(f frame) error {
	switch {
	case f.reply:
		return l.receiveReply(f)
	case f.kind == kindFailure:
		return l.receiveEnd(f)
	case f.kind == kindPing:
		return l.pong(f)
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
	in := l.in
	if onlyAsks(f.kind) {
		in = l.queries
	}
	select {
	case in <- req:
		return nil
	default:
		return fmt.Errorf("%w: the peer sent more than %d requests without waiting", ErrBusy, maxQueued)
	}
}

// onlyAsks reports whether a request changes nothing, so that it need not wait for others.
func onlyAsks(k kind) bool {
	switch k {
	case kindQueryMem, kindCheckActivity, kindQueryHeld:
		return true
	}
	return false
}

// pong answers a ping. It does not when the queue of frames to send is full, since the peer then
// hears from this side anyway. Keepalive pings have number 0 and get no answer.
func (l *line) pong(f frame) error {
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
	case l.out <- b:
	default:
	}
	return nil
}

// receiveEnd ends the session with the peer's reason.
func (l *line) receiveEnd(f frame) error {
	m, err := decode(f)
	if err != nil {
		return err
	}
	l.end(fmt.Errorf("session with %v: %w: %w", l.peer, ErrPeerClosed, m.(*Failure)))
	return nil
}

// receiveReply hands an answer to its call. It drops an answer for which no caller waits any more. An
// answer to a request that this side has not sent is a violation.
func (l *line) receiveReply(f frame) error {
	l.mu.Lock()
	call, waits := l.pending[f.id]
	delete(l.pending, f.id)
	issued := f.id != 0 && f.id <= l.last
	l.mu.Unlock()
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
