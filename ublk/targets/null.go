package targets

import (
	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/ublk"
)

// Null answers every request at once and does nothing. It measures the driver and
// package ublk alone. Reads bring whatever the buffer holds; writes are forgotten.
type Null struct{}

var _ ublk.Target = Null{}

// OpenQueue implements ublk.Target.
func (Null) OpenQueue(q *ublk.Queue) (ublk.Server, error) { return nullServer{q}, nil }

type nullServer struct{ queue *ublk.Queue }

func (s nullServer) Serve(tag int, d ublk.Desc) {
	switch d.Op {
	case ublk.OpRead, ublk.OpWrite:
		s.queue.Complete(tag, int32(d.Length))
	case ublk.OpFlush, ublk.OpDiscard, ublk.OpWriteZeroes:
		s.queue.Complete(tag, 0)
	default:
		s.queue.Complete(tag, -int32(unix.EOPNOTSUPP))
	}
}

func (nullServer) Idle() bool   { return true }
func (nullServer) Close() error { return nil }
