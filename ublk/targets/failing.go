package targets

import (
	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/ublk"
)

// Failing fails every request at once with EIO, like a disk that is broken. It ends the wait of
// those who need what a device no longer has.
type Failing struct{}

var _ ublk.Target = Failing{}

// OpenQueue implements ublk.Target.
func (Failing) OpenQueue(q *ublk.Queue) (ublk.Server, error) { return failingServer{q}, nil }

type failingServer struct{ queue *ublk.Queue }

func (s failingServer) Serve(tag int, _ ublk.Desc) { s.queue.Complete(tag, -int32(unix.EIO)) }

func (failingServer) Idle() bool   { return true }
func (failingServer) Close() error { return nil }
