package scrubber

import (
	"testing"

	"github.com/farswap/farswap/uring"
	"github.com/farswap/farswap/verbs"
)

// closing is a queue pair whose end takes a completion of the ring, as it does where the
// ring polls the files of a connection.
type closing struct {
	verbs.QP
	loop *uring.Loop
	gone bool
}

func (c *closing) Fail(error) {}

func (c *closing) Close() error {
	c.loop.SQE(c.loop.Attach(c), 0).Nop()
	return nil
}

func (c *closing) Handle(uint64, int32, uint32) { c.gone = true }

// TestFinishLetsGoOfTheFiles finishes a connection. The ring must have let go of it then,
// because nobody passes while the scrubber rests.
func TestFinishLetsGoOfTheFiles(t *testing.T) {
	l := newLanes(&Config{})
	if err := l.open(); err != nil {
		t.Fatal(err)
	}
	qp := &closing{loop: l.loop}
	if err := l.finish(&lane{qp: qp}); err != nil {
		t.Fatal(err)
	}
	if !qp.gone {
		t.Error("the ring was not told that the connection is closed")
	}
	if err := l.close(); err != nil {
		t.Fatal(err)
	}
}
