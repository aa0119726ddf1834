package ublk

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// Times of commands that the driver refuses.
const (
	resendPause     = time.Millisecond // between two attempts, if nothing else happens on the queue
	refusalPatience = 5 * time.Second  // of a queue with the refusals of one tag
)

// Refusal is a command of a queue that the driver has refused for a reason that may pass, such
// as a lack of memory. The queue sends it again.
type Refusal struct {
	Queue, Tag int
	Errno      unix.Errno
}

// mayPass are the reasons for which a command is sent again.
var mayPass = [...]unix.Errno{unix.ENOMEM, unix.EAGAIN, unix.EINTR, unix.ENOBUFS}

// sent is the last command of a tag.
type sent struct {
	op      uint32
	res     int32
	refused int64 // when the driver first refused it (Loop.Now), 0: it has not
}

// refused gets a command that the driver did not carry out. A request whose answer is lost
// would wait in the kernel for ever: the answer is sent again, or the queue fails and the
// driver keeps the request for the next server.
func (q *Queue) refused(tag int, errno unix.Errno) {
	if errno == unix.ENODEV { // the driver has taken the tag back
		q.live--
		return
	}
	q.device.refusals.Add(1)
	s, now := &q.sent[tag], max(q.loop.Now(), 1)
	for _, reason := range mayPass {
		if errno != reason || q.failed || s.refused != 0 && now-s.refused > int64(refusalPatience) {
			continue
		}
		if s.refused == 0 {
			s.refused = now
			q.device.tell(Refusal{Queue: q.index, Tag: tag, Errno: errno})
		}
		q.again = append(q.again, tag)
		return
	}
	q.live--
	q.fail(fmt.Errorf("queue %d of device %d: the driver refuses command %#x of tag %d with result %d: %w", q.index, q.device.ID(), s.op, tag, s.res, errno))
}

// resend sends refused commands again.
func (q *Queue) resend() {
	for _, tag := range q.again {
		s := q.sent[tag]
		q.command(s.op, tag, s.res)
		q.sent[tag].refused = s.refused
	}
	q.again = q.again[:0]
}

// fail ends the queue because of err, and with it the device.
func (q *Queue) fail(err error) {
	if q.err == nil {
		q.err = err
	}
	q.giveUp()
	q.device.queueFailed(q)
}

// giveUp makes the queue take no more requests, and end when its server has answered what it
// holds.
func (q *Queue) giveUp() { q.failed = true }

// tell leaves a refusal for Device.Refusals. It waits for nobody.
func (d *Device) tell(r Refusal) {
	select {
	case d.told <- r:
	default:
	}
}

// queueFailed makes the other queues give up, too. Some kernels take tags back only from the
// queue whose ring is gone: the threads of the others would wait for ever.
func (d *Device) queueFailed(failed *Queue) {
	d.failed.Store(true)
	for _, q := range d.queues {
		if q != failed {
			q.loop.Post(q.giveUp) // one that has ended needs no word
		}
	}
}

// Failed reports whether a queue has failed. All queues of the device then end.
func (d *Device) Failed() bool { return d.failed.Load() }

// Refused is how many commands of queues the driver has refused.
func (d *Device) Refused() uint64 { return d.refusals.Load() }

// Refusals gets the refusals whose commands are sent again: of each row the first one. When
// nobody receives, Refused alone counts them.
func (d *Device) Refusals() <-chan Refusal { return d.told }
