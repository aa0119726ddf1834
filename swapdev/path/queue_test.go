package path

import (
	"errors"
	"testing"

	"go.uber.org/goleak"

	"github.com/farswap/farswap/verbs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestAttachWhileClosing: a connection that arrives while a queue closes is refused, or it
// would stay open.
func TestAttachWhileClosing(t *testing.T) {
	q := &Queue{queue: queue{closing: true}}
	result := make(chan error, 1)
	q.attach(0, attachment{conn: noConn{}, result: result})
	if err := <-result; !errors.Is(err, verbs.ErrClosed) {
		t.Error(err)
	}
}

// noConn is a connection that nobody can use.
type noConn struct{ verbs.Conn }
