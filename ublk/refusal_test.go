package ublk

import (
	"errors"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// holder is a target that holds its requests until the test completes them.
type holder struct {
	queue *Queue
	held  []int // tags
	busy  bool  // it has I/O of its own
}

func (h *holder) OpenQueue(q *Queue) (Server, error) { h.queue = q; return h, nil }
func (h *holder) Serve(tag int, _ Desc)              { h.held = append(h.held, tag) }
func (h *holder) Idle() bool                         { return !h.busy }
func (h *holder) Close() error                       { return nil }

// refusing is a simulated queue whose driver can refuse what it has been told.
type refusing struct {
	*SimulatedQueue
	target  *holder
	answers []int32 // of all tags, in order
}

func newRefusing(t *testing.T) *refusing {
	t.Helper()
	runtime.LockOSThread()
	t.Cleanup(runtime.UnlockOSThread)
	r := &refusing{target: &holder{}}
	sim, err := SimulateQueue(r.target, Spec{Size: 1 << 20, Queues: 1, Depth: 2}, 0, func(_ int, res int32) { r.answers = append(r.answers, res) })
	if err != nil {
		t.Fatal(err)
	}
	r.SimulatedQueue = sim
	return r
}

// refuse has the driver refuse the last answer of a tag: the tag is the server's still.
func (r *refusing) refuse(tag int, errno unix.Errno) {
	r.held[tag] = true
	r.queue.Handle(uint64(tag), -int32(errno), 0)
}

// TestRefusedAnswerIsSentAgain: an answer that the driver does not take for want of memory
// reaches it later, as it was.
func TestRefusedAnswerIsSentAgain(t *testing.T) {
	r := newRefusing(t)
	r.Request(1, Desc{Op: OpRead, Length: 4096})
	r.queue.Complete(1, 4096)
	for range 3 {
		r.refuse(1, unix.ENOMEM)
		if r.queue.over() {
			t.Fatal("the queue is over, with an answer to send")
		}
		r.queue.resend()
	}
	if got := r.answers; len(got) != 4 || got[3] != 4096 {
		t.Errorf("answers %v, want 4096 four times", got)
	}
	if n := r.queue.device.Refused(); n != 3 {
		t.Errorf("%d refusals are counted, want 3", n)
	}
	r.Request(1, Desc{Op: OpRead, Length: 4096}) // the tag is as it was
	r.queue.Complete(1, 4096)
	if r.queue.sent[1].refused != 0 || r.queue.device.Failed() {
		t.Error("the refusal is not forgotten")
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

// TestLastingRefusalEndsTheQueue: after a while the driver is not asked again.
func TestLastingRefusalEndsTheQueue(t *testing.T) {
	r := newRefusing(t)
	r.Request(0, Desc{Op: OpRead, Length: 4096})
	r.queue.Complete(0, 4096)
	r.refuse(0, unix.ENOMEM)
	r.queue.resend()
	r.queue.sent[0].refused -= int64(refusalPatience) // as if it had gone on for so long
	r.queue.loop.Refresh()
	r.refuse(0, unix.ENOMEM)
	r.expectFailed(t, unix.ENOMEM)
}

// TestQueueFails: a queue whose answer the driver refuses for good takes no more requests,
// lets the target answer what it holds, and ends with the reason.
func TestQueueFails(t *testing.T) {
	r := newRefusing(t)
	r.Request(0, Desc{Op: OpRead, Length: 4096})
	r.Request(1, Desc{Op: OpRead, Length: 4096})
	r.queue.Complete(0, 4096)
	r.refuse(0, unix.EINVAL)
	if !r.queue.device.Failed() || r.queue.over() {
		t.Errorf("failed %v, over %v: the target holds a request", r.queue.device.Failed(), r.queue.over())
	}
	answers := len(r.answers)
	r.queue.Complete(1, -int32(unix.EIO))
	if len(r.answers) != answers {
		t.Error("an error was answered, which the next server might not have met")
	}
	served := len(r.target.held)
	r.held[0] = false
	r.Request(0, Desc{Op: OpRead, Length: 4096})
	if len(r.target.held) != served {
		t.Error("the target got a request of a queue that has failed")
	}
	r.target.busy = true
	if r.queue.over() {
		t.Error("over, with I/O of the target under way")
	}
	r.target.busy = false
	r.expectFailed(t, unix.EINVAL)
}

// expectFailed closes a queue that has failed because of errno.
func (r *refusing) expectFailed(t *testing.T, errno unix.Errno) {
	t.Helper()
	if !r.queue.over() || !r.queue.device.Failed() || !errors.Is(r.queue.err, errno) {
		t.Errorf("over %v, failed %v, %v", r.queue.over(), r.queue.device.Failed(), r.queue.err)
	}
	if err := r.queue.close(); err != nil {
		t.Error(err)
	}
}
