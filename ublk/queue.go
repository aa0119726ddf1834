package ublk

import (
	"errors"
	"fmt"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/offheap"
	"github.com/farswap/farswap/uring"
)

// Queue is one hardware queue of a device, with the thread, loop and buffers
// that serve it. Its methods belong to that thread.
type Queue struct {
	device *Device
	index  int
	loop   *uring.Loop
	class  uring.Class
	server Server
	bounds bounds

	descs   []byte // the kernel's descriptors, read-only
	arena   []byte // all buffers
	buffers []int  // by tag: its buffer
	free    []int  // buffers of no tag

	live    int    // tags that the kernel may still give requests for
	held    int    // requests that the server has not completed
	failed  bool   // the queue takes no more requests: see giveUp
	sent    []sent // by tag
	again   []int  // tags whose last command is to be sent again
	batches batches

	simulation *SimulatedQueue // takes the driver's place in tests, nil: the driver

	ahead chan bool     // from openQueues: fetch (true), or give up
	ended chan struct{} // closed when the thread has ended
	err   error         // why, valid after ended
}

// charSlot is the char device's place in the ring's registered files; a target
// may use the slots from FirstFileSlot on, with Queue.RegisterFile.
const (
	charSlot      = 0
	fileSlots     = 16
	FirstFileSlot = 1
)

// Index is the queue's number, from 0.
func (q *Queue) Index() int { return q.index }

// Depth is the number of tags; tags count from 0.
func (q *Queue) Depth() int { return q.device.spec.Depth }

// Loop is where all I/O of the queue's thread happens.
func (q *Queue) Loop() *uring.Loop { return q.loop }

// RegisterFile puts fd in slot (FirstFileSlot to 15) of the ring's registered
// files.
func (q *Queue) RegisterFile(slot int, fd int32) error { return q.loop.Ring().UpdateFile(slot, fd) }

// Arena is the memory of all the queue's buffers: locked, touched, and
// registered with the ring as buffer 0.
func (q *Queue) Arena() []byte { return q.arena }

// Buffer is the buffer of a tag, as large as the largest request.
func (q *Queue) Buffer(tag int) []byte { return q.BufferAt(q.buffers[tag]) }

// BufferOf is the number of a tag's buffer, for BufferAt.
func (q *Queue) BufferOf(tag int) int { return q.buffers[tag] }

// BufferAt is a buffer by its number, as Detach gives it.
func (q *Queue) BufferAt(buf int) []byte {
	size := q.device.spec.MaxIO
	return q.arena[buf*size : (buf+1)*size : (buf+1)*size]
}

// Detach takes a tag's buffer away from it, so that a write can be completed
// while its data stay in use; the tag goes on with a fresh one. It returns
// false when no spare buffer is left. Release gives the buffer back.
func (q *Queue) Detach(tag int) (buf int, ok bool) {
	fresh, ok := q.TakeSpare()
	if !ok {
		return 0, false
	}
	return q.Swap(tag, fresh), true
}

// Swap gives a tag a buffer of TakeSpare and returns the one that it had, which
// Release gives back. A read that is completed next takes its bytes from the new
// buffer.
func (q *Queue) Swap(tag, buf int) (old int) {
	old, q.buffers[tag] = q.buffers[tag], buf
	return old
}

// TakeSpare takes a buffer that belongs to no tag, for whatever the target keeps.
// Release gives it back.
func (q *Queue) TakeSpare() (buf int, ok bool) {
	last := len(q.free) - 1
	if last < 0 {
		return 0, false
	}
	buf, q.free = q.free[last], q.free[:last]
	return buf, true
}

// Release makes a buffer of Detach, Swap or TakeSpare spare again.
func (q *Queue) Release(buf int) { q.free = append(q.free, buf) }

// Complete ends the request of a tag: res is the number of bytes done, 0 for
// operations without data, or a negated errno. It goes to the kernel with the
// coming pass of the loop.
func (q *Queue) Complete(tag int, res int32) {
	q.held--
	if q.failed && res < 0 {
		return // the next server may do better: the driver keeps the request for it
	}
	q.command(ioCommitAndFetch, tag, res)
}

func (q *Queue) command(op uint32, tag int, res int32) {
	q.sent[tag] = sent{op: op, res: res}
	if q.simulation != nil {
		q.simulation.take(op, tag, res)
		return
	}
	sqe := q.loop.SQE(q.class, uint64(tag))
	prepareIO(sqe, charSlot, op, ioCmd{
		queueID: uint16(q.index), tag: uint16(tag), result: res, addr: address(q.Buffer(tag)),
	})
	sqe.Flags |= uring.FixedFile
}

// Handle gets the completion of a fetch: a request has come, or the kernel has
// taken the tag back. The loop calls it.
func (q *Queue) Handle(id uint64, res int32, _ uint32) {
	tag := int(id)
	switch {
	case res < 0:
		q.refused(tag, unix.Errno(-res))
		return
	case q.failed:
		return // the driver keeps the request for the next server
	}
	d, err := descriptor(q.descs, tag).parse(q.bounds)
	if err != nil {
		q.command(ioCommitAndFetch, tag, -int32(unix.EIO))
		return
	}
	q.held++
	q.batches.take()
	q.server.Serve(tag, d)
}

// run is the queue's thread.
func (q *Queue) run(t Target, ready chan<- error) {
	// Never unlocked: the thread has the queue's affinity, and ends with it.
	runtime.LockOSThread()
	defer close(q.ended)
	err := q.open(t)
	ready <- err
	if err == nil && <-q.ahead {
		if err := q.serve(); err != nil {
			q.fail(err)
		}
	}
	q.err = errors.Join(q.err, q.close())
}

func (q *Queue) open(t Target) error {
	d := q.device
	if q.simulation == nil {
		q.pin()
	}
	var err error
	q.loop, err = uring.NewLoop(uring.Config{Entries: uint32(max(64, 2*q.Depth())), CQEntries: uint32(max(256, 8*q.Depth())), KeepProc: d.spec.KeepProcs})
	if err != nil {
		return err
	}
	q.class = q.loop.Attach(q)
	if err := q.mapMemory(); err != nil {
		return err
	}
	files := make([]int32, fileSlots)
	for i := range files {
		files[i] = -1
	}
	if q.simulation == nil {
		files[charSlot] = int32(d.char.Fd())
	}
	if err := q.loop.Ring().RegisterFiles(files); err != nil {
		return err
	}
	iov := []unix.Iovec{{Base: &q.arena[0], Len: uint64(len(q.arena))}}
	if err := q.loop.Ring().RegisterBuffers(iov); err != nil {
		return err
	}
	q.bounds = bounds{size: d.spec.Size, maxIO: d.spec.MaxIO}
	q.server, err = t.OpenQueue(q)
	return err
}

// pin binds the thread to the CPUs whose requests come through the queue. It is best
// effort: a container may not be allowed those CPUs.
func (q *Queue) pin() {
	if set, err := q.device.control.affinity(q.device.ID(), q.index); err == nil {
		_ = unix.SchedSetaffinity(0, &set)
	}
}

// mapDescriptors maps the driver's descriptors. The stride from one queue's
// descriptors to the next counts the largest depth, whatever the real one is.
func (q *Queue) mapDescriptors() ([]byte, error) {
	page := unix.Getpagesize()
	roundUp := func(n int) int { return (n + page - 1) / page * page }
	size := roundUp(q.Depth() * ioDescSize)
	if q.simulation != nil {
		return q.simulation.mapDescriptors(size)
	}
	d := q.device
	offset := int64(q.index) * int64(roundUp(MaxQueueDepth*ioDescSize))
	area, err := unix.Mmap(int(d.char.Fd()), offset, size, unix.PROT_READ, unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		return nil, fmt.Errorf("map the descriptors of queue %d from %s: %w", q.index, d.CharPath(), err)
	}
	return area, nil
}

// mapMemory maps the descriptors and the arena.
func (q *Queue) mapMemory() error {
	d := q.device
	var err error
	if q.descs, err = q.mapDescriptors(); err != nil {
		return err
	}
	n := q.Depth() + d.spec.Spare
	options := offheap.Options{Huge: true, Lock: q.simulation == nil, Populate: true, Purpose: "queue buffers"}
	q.arena, err = offheap.Map(n*d.spec.MaxIO, options)
	if err != nil {
		return fmt.Errorf("queue %d, %d buffers of %d bytes: %w", q.index, n, d.spec.MaxIO, err)
	}
	q.sent, q.again = make([]sent, q.Depth()), make([]int, 0, q.Depth())
	q.buffers, q.free = make([]int, q.Depth()), make([]int, 0, n)
	for i := range n {
		if i < q.Depth() {
			q.buffers[i] = i
		} else {
			q.free = append(q.free, i)
		}
	}
	return nil
}

// proceed lets an opened queue fetch; abandon makes it close instead.
func (q *Queue) proceed() { q.ahead <- true }
func (q *Queue) abandon() { q.ahead <- false }

// serve fetches for every tag and runs the loop until the queue is over.
func (q *Queue) serve() error {
	for tag := range q.Depth() {
		q.command(ioFetch, tag, 0)
		q.live++
	}
	return q.drain()
}

// drain runs the loop until the queue is over.
func (q *Queue) drain() error {
	for !q.over() {
		timeout := time.Duration(-1)
		if len(q.again) > 0 {
			timeout = resendPause
		}
		if err := q.loop.Pass(timeout); err != nil {
			return fmt.Errorf("queue %d of device %d: %w", q.index, q.device.ID(), err)
		}
		q.batches.pass()
		if len(q.again) > 0 {
			q.resend()
		}
	}
	return nil
}

// over reports whether the target is idle and the kernel has taken all tags back. A queue
// that has failed waits for the target's requests only.
func (q *Queue) over() bool {
	left := q.live
	if q.failed {
		left = q.held
	}
	return left <= 0 && q.server.Idle()
}

// close frees what open made, whatever of it there is. Nothing is in flight.
func (q *Queue) close() error {
	var err error
	if q.server != nil {
		err = q.server.Close()
	}
	if q.loop != nil {
		err = errors.Join(err, q.loop.Close())
	}
	if q.arena != nil {
		err = errors.Join(err, offheap.Unmap(q.arena))
	}
	if q.descs != nil {
		err = errors.Join(err, unix.Munmap(q.descs))
	}
	return err
}
