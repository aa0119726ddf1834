package control

import "fmt"

// serve runs the handler for the requests of one queue.
func (l *line) serve(in <-chan incoming) {
	for {
		select {
		case req := <-in:
			if err := l.send(l.ctx, l.answer(req)); err != nil {
				return
			}
		case <-l.ctx.Done():
			return
		}
	}
}

func (l *line) answer(req incoming) []byte {
	resp, err := l.handle(req)
	if err == nil {
		var b []byte
		if b, err = appendFrame(nil, req.id, true, resp); err == nil {
			return b
		}
		err = fmt.Errorf("%w: %v", ErrInternal, err) // %v hides ErrInvalid: the caller's request is not what is invalid
	}
	b, err := appendFrame(nil, req.id, true, failureOf(err))
	if err != nil {
		panic(err) // failureOf keeps within Failure's bounds
	}
	return b
}

func (l *line) handle(req incoming) (Message, error) {
	s := l.session
	if req.err != nil {
		return nil, req.err
	}
	if q, ok := req.msg.(*QueryHeld); ok {
		from := min(int(q.From), len(s.held))
		return &Held{Slabs: s.held[from:min(from+MaxList, len(s.held))]}, nil
	}
	if s.handler == nil {
		return nil, fmt.Errorf("%v: %w", req.msg.kind(), ErrUnsupported)
	}
	resp, err := s.handler.Handle(l.ctx, req.msg)
	if err == nil && (resp == nil || resp.kind() != kinds[req.msg.kind()].answer) {
		err = fmt.Errorf("%v: %w: wrong answer", req.msg.kind(), ErrInternal)
	}
	return resp, err
}
