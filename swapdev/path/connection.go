package path

import (
	"errors"

	"github.com/farswap/farswap/verbs"
)

// A connection that has failed suspends its link: the donor's slabs stay mapped, reads go
// to the backing file or wait, and nobody writes to the donor (see Barrier). The next
// connection of the same place ends that, or the loss of the donor, which Drop tells.

// errReplaced is why a connection ends whose successor is there.
var errReplaced = errors.New("another connection has taken its place")

// attachment is a connection for a link.
type attachment struct {
	conn   verbs.Conn
	lost   chan<- error // hears why the connection failed, once; needs a free slot
	result chan<- error // hears whether the link has taken it; needs a free slot
}

// refuse leaves the connection to whoever brought it.
func (a *attachment) refuse() {
	if a.conn != nil {
		a.result <- verbs.ErrClosed
	}
	*a = attachment{}
}

// watch notices that the connection has failed. It must run before the failed parts end:
// they let go of pages that the donor may still write to.
func (l *link) watch() {
	if !l.up || l.qp.State() == verbs.StateReady {
		return
	}
	l.suspend()
	select {
	case l.lost <- l.qp.Err():
	default: // the donor's goroutine knows already
	}
}

// suspend takes no operations any more, and forbids writes to the donor.
func (l *link) suspend() {
	l.up = false
	if !l.raised {
		l.raised = true
		l.Barrier.Raise(l.donor)
	}
}

// attach takes over a connection, as soon as nothing is left of the one before. The donor
// has fenced that one, or it would not have taken the new one.
func (l *link) attach(a attachment) {
	if l.qp == nil {
		l.take(a)
		return
	}
	l.coming.refuse()
	l.coming = a
	if l.up {
		l.suspend()
		l.qp.Fail(errReplaced)
	}
}

func (l *link) take(a attachment) {
	qp, err := a.conn.Attach(l.loop, l.notify)
	if err == nil {
		l.qp, l.up, l.lost = qp, true, a.lost
		l.lower()
	}
	a.result <- err
}

// lower ends what suspend began.
func (l *link) lower() {
	if l.raised {
		l.raised = false
		l.Barrier.Lower(l.donor)
	}
}

// drop ends the connection, and closes gone when nothing of it is left. The donor is lost:
// its slabs have failed before.
func (l *link) drop(gone chan<- struct{}) {
	l.coming.refuse()
	l.lower()
	if l.qp == nil {
		close(gone)
		return
	}
	l.up = false
	l.gone = gone
	l.qp.Fail(nil)
}

// abandon is drop at the end of the loop, when nothing can be outstanding. The passes let
// poll see the end.
func (l *link) abandon() {
	l.coming.refuse()
	if l.qp == nil {
		return
	}
	l.up = false
	l.qp.Fail(nil)
	for i := 0; l.qp != nil && i < abandonPasses; i++ {
		if l.loop.Pass(tickInterval) != nil {
			break
		}
	}
}

// abandonPasses times tickInterval is how long the end of a loop waits for a connection.
// The connection is shut down, so the kernel has nothing to wait for.
const abandonPasses = 100

// close takes note that nothing is left of the connection.
func (l *link) close() {
	l.qp = nil
	if l.gone != nil {
		close(l.gone)
		l.gone = nil
	}
	if next := l.coming; next.conn != nil {
		l.coming = attachment{}
		l.take(next)
	}
}
