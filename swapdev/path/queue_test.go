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
	if err := q.attach(0, nil, nil); !errors.Is(err, verbs.ErrClosed) {
		t.Error(err)
	}
}
