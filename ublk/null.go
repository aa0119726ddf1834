package ublk

import "golang.org/x/sys/unix"

// Null is the target that does nothing at once: it measures the driver and this
// package alone. Reads bring whatever the buffer holds, writes are forgotten.
type Null struct{}

// OpenQueue implements Target.
func (Null) OpenQueue(q *Queue) (Server, error) { return nullServer{q}, nil }

type nullServer struct{ queue *Queue }

func (s nullServer) Serve(tag int, d Desc) {
	switch d.Op {
	case OpRead, OpWrite:
		s.queue.Complete(tag, int32(d.Length))
	case OpFlush, OpDiscard, OpWriteZeroes:
		s.queue.Complete(tag, 0)
	default:
		s.queue.Complete(tag, -int32(unix.EOPNOTSUPP))
	}
}

func (nullServer) Idle() bool   { return true }
func (nullServer) Close() error { return nil }
