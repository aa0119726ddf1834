package uring

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// Errors of this package.
var (
	// ErrUnsupported: the kernel has no io_uring, an administrator has turned it
	// off, or it is older than 5.19.
	ErrUnsupported = errors.New("io_uring is not available")
	// ErrClosed: the ring or loop has been closed.
	ErrClosed = errors.New("ring is closed")
)

// Config is the shape of a ring.
type Config struct {
	Entries   uint32 // submission slots, 1 to 32768; rounded up to a power of two
	CQEntries uint32 // completion slots, at least Entries; 0: twice Entries
	SQE128    bool   // 128-byte SQEs, as commands with 80 bytes of payload need

	// KeepProc makes waits keep the processor (P) that the Go runtime gave to the
	// thread. A busy loop then pays for no futex and no foreign wake-up with each
	// wait. The price is global: NewLoop raises GOMAXPROCS of the whole process by
	// one until the loop is closed, because the other goroutines need a processor
	// too. A Ring without a Loop changes nothing; its owner raises GOMAXPROCS.
	KeepProc bool
}

func (c Config) validate() error {
	if c.Entries < 1 || c.Entries > maxEntries {
		return fmt.Errorf("ring of %d entries: want 1 to %d: %w", c.Entries, maxEntries, unix.EINVAL)
	}
	if c.CQEntries != 0 && c.CQEntries < c.Entries {
		return fmt.Errorf("ring of %d completion slots for %d entries: want at least as many: %w", c.CQEntries, c.Entries, unix.EINVAL)
	}
	return nil
}

// setupFlags lists what is asked of the kernel, best first: each further row
// does without what a newer kernel brought.
var setupFlags = []uint32{
	setupClamp | setupSubmitAll | setupSingleIssuer | setupDeferTaskrun | setupNoSQArray,
	setupClamp | setupSubmitAll | setupSingleIssuer | setupDeferTaskrun,
	setupClamp | setupSubmitAll | setupCoopTaskrun,
}

// Ring is one io_uring instance. All methods belong to the OS thread that made
// it; see the package comment.
type Ring struct {
	fd       int
	flags    uint32 // as granted at set-up
	mappings [][]byte

	sq          submission
	cq          completion
	closed      bool
	interrupted int // waits in a row that a signal ended
	patience    int // how many of them keep the processor, 0: none

	// wait is the argument block of SubmitAndWait, off the heap because the
	// kernel reads it.
	wait     []waitArg
	freeWait func() error
}

// New makes a ring with the newest set-up flags that the kernel grants.
func New(cfg Config) (*Ring, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	var err error
	for _, flags := range setupFlags {
		p := ringParams{flags: flags}
		if cfg.SQE128 {
			p.flags |= setupSQE128
		}
		if cfg.CQEntries != 0 {
			p.flags |= setupCQSize
			p.cqEntries = cfg.CQEntries
		}
		var fd int
		fd, err = sysSetup(cfg.Entries, &p)
		if err == nil {
			return newRing(fd, &p, cfg.KeepProc)
		}
		if !errors.Is(err, unix.EINVAL) {
			break
		}
	}
	return nil, setupError(err)
}

func setupError(err error) error {
	switch {
	case errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EINVAL):
		return fmt.Errorf("io_uring_setup: %w: Linux 5.19 or newer is needed: %w", err, ErrUnsupported)
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("io_uring_setup: %w: allow it with sysctl kernel.io_uring_disabled=0: %w", err, ErrUnsupported)
	}
	return fmt.Errorf("io_uring_setup: %w", err)
}

// FD is the ring's file, as MsgRing of another ring wants it.
func (r *Ring) FD() int { return r.fd }

// SQE returns the next free submission slot, zeroed, or nil when all are taken:
// then Submit makes room. What it holds is submitted with the next Submit.
func (r *Ring) SQE() *SQE { return r.sq.next() }

// Submit hands all prepared SQEs to the kernel without waiting.
func (r *Ring) Submit() error {
	if r.closed {
		return ErrClosed
	}
	n := r.sq.publish()
	if n == 0 {
		return nil
	}
	_, err := r.enter(n, 0, 0, 0)
	return err
}

// SubmitAndWait hands all prepared SQEs to the kernel and waits until at least
// n completions are there, or until timeout has passed; 0 does not wait,
// negative waits without limit. Running out of time and signals are no error:
// look at what Next brings.
func (r *Ring) SubmitAndWait(n uint32, timeout time.Duration) error {
	if r.closed {
		return ErrClosed
	}
	submit := r.sq.publish()
	if timeout == 0 || r.cq.ready() >= n {
		n = 0
	}
	_, err := r.enter(submit, n, enterGetEvents, timeout)
	return err
}

// enter tolerates what is no failure of the caller: an interrupted or ended
// wait, and a completion ring that must be reaped first.
func (r *Ring) enter(submit, wait uint32, flags uint32, timeout time.Duration) (int, error) {
	n, err := r.sysEnter(submit, wait, flags, timeout)
	switch {
	case err == nil, errors.Is(err, unix.EINTR), errors.Is(err, unix.ETIME), errors.Is(err, unix.EBUSY), errors.Is(err, unix.EAGAIN):
		return n, nil
	}
	return n, fmt.Errorf("io_uring_enter: submit %d, wait for %d: %w", submit, wait, err)
}

// Next takes one completion, if there is any.
func (r *Ring) Next() (CQE, bool) { return r.cq.next() }

// RegisterBuffers makes the memory known to the kernel, once, for ReadFixed and
// WriteFixed; buffer i of the list has index i. The memory counts against
// RLIMIT_MEMLOCK.
func (r *Ring) RegisterBuffers(bufs []unix.Iovec) error {
	if err := r.sysRegister(registerBuffers, slicePointer(bufs), len(bufs)); err != nil {
		return fmt.Errorf("register %d buffers with io_uring: %w: raise RLIMIT_MEMLOCK if it is ENOMEM", len(bufs), err)
	}
	return nil
}

// RegisterFiles makes files known to the kernel for SQEs with FixedFile; -1
// leaves a slot empty.
func (r *Ring) RegisterFiles(fds []int32) error {
	if err := r.sysRegister(registerFiles, slicePointer(fds), len(fds)); err != nil {
		return fmt.Errorf("register %d files with io_uring: %w", len(fds), err)
	}
	return nil
}

// UpdateFile replaces registered file slot; -1 empties it.
func (r *Ring) UpdateFile(slot int, fd int32) error {
	if err := r.sysUpdateFile(slot, fd); err != nil {
		return fmt.Errorf("register file %d in slot %d: %w", fd, slot, err)
	}
	return nil
}

// Close ends the ring. Operations in flight are cancelled by the kernel in the
// background: reap them first when their buffers matter.
func (r *Ring) Close() error {
	if r.closed {
		return nil
	}
	r.closed = true
	err := unix.Close(r.fd)
	for _, m := range r.mappings {
		err = errors.Join(err, unix.Munmap(m))
	}
	return errors.Join(err, r.freeWait())
}
