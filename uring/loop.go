package uring

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/offheap"
)

// Handler gets the completions of the operations that were prepared under its
// class. id is what was given to Loop.SQE; res and flags are the CQE's.
// Handle runs on the loop's thread and must not wait.
type Handler interface {
	Handle(id uint64, res int32, flags uint32)
}

// HandlerFunc is a function that serves as a Handler.
type HandlerFunc func(id uint64, res int32, flags uint32)

// Handle calls f.
func (f HandlerFunc) Handle(id uint64, res int32, flags uint32) { f(id, res, flags) }

// Class is the owner of a completion: the top byte of user_data.
type Class uint8

// Data is the user_data of operation id under the class. Only the low 56 bits
// of id are kept.
func (c Class) Data(id uint64) uint64 { return uint64(c)<<classShift | id&idMask }

// classLoop is the loop's own class: its wake-up.
const classLoop Class = 0

// Loop is a ring together with the owners of its completions. Except for Post,
// its methods belong to the thread that made it.
type Loop struct {
	ring     *Ring
	handlers [256]Handler
	hooks    []func()
	removes  []func() // by hook, what takes it away
	now      int64
	keepProc bool // GOMAXPROCS counts this loop
	again    bool // a hook wants all hooks run once more
	awake    bool // a hook wants the coming enter not to wait

	eventFD int
	event   []byte // 8 bytes off the heap, for the eventfd's counter
	armed   bool

	mu     sync.Mutex // guards posted and closed, and the exchange of posted and spare
	posted []func()
	closed bool
	spare  []func() // the emptied list of the last pass, used again
}

// NewLoop makes a loop for the calling OS thread, to which the goroutine must
// be locked (runtime.LockOSThread). With Config.KeepProc it raises GOMAXPROCS of
// the process by one until Close.
func NewLoop(cfg Config) (*Loop, error) {
	ring, err := New(cfg)
	if err != nil {
		return nil, err
	}
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("eventfd: %w", err), ring.Close())
	}
	event, err := offheap.Map(8, offheap.Options{Populate: true})
	if err != nil {
		return nil, errors.Join(err, unix.Close(fd), ring.Close())
	}
	l := &Loop{ring: ring, keepProc: cfg.KeepProc, eventFD: fd, event: event}
	l.hooks = make([]func(), 0, readyHooks)
	for range readyHooks {
		l.makeRemove()
	}
	l.handlers[classLoop] = HandlerFunc(l.woken)
	l.now = monotonic()
	if l.keepProc {
		addProcs(1)
	}
	return l, nil
}

// Ring is the loop's ring, for registering buffers and files.
func (l *Loop) Ring() *Ring { return l.ring }

// Now is the monotonic clock in nanoseconds since the process began, read once
// per pass after the wait, and by Refresh.
func (l *Loop) Now() int64 { return l.now }

// Refresh reads the clock for Now: for a hook that has waited by itself.
func (l *Loop) Refresh() { l.now = monotonic() }

// Attach gives h a class of its own. It panics when all 255 are taken, which
// is a mistake of the program.
func (l *Loop) Attach(h Handler) Class {
	for c := range l.handlers {
		if l.handlers[c] == nil {
			l.handlers[c] = h
			return Class(c)
		}
	}
	panic("uring: a loop has 255 handlers at most")
}

// Detach frees the class. The caller has no operation in flight under it:
// later completions would go to the class's next owner.
func (l *Loop) Detach(c Class) { l.handlers[c] = nil }

// SQE returns a zeroed SQE whose completion goes to the handler of c with id.
// When the submission ring is full it is submitted first.
func (l *Loop) SQE(c Class, id uint64) *SQE {
	sqe := l.ring.SQE()
	for sqe == nil {
		// A submission that does not wait fails on a dead ring only, which Pass reports.
		if err := l.ring.Submit(); err != nil {
			panic(fmt.Sprintf("uring: %v", err))
		}
		sqe = l.ring.SQE()
	}
	sqe.userData = c.Data(id)
	return sqe
}

// Reserve makes sure that the next n SQEs go to the kernel in one submission,
// as linked ones must. False means that the ring has fewer than n slots.
func (l *Loop) Reserve(n uint32) bool {
	if n > l.ring.sq.entries {
		return false
	}
	for l.ring.sq.free() < n {
		if err := l.ring.Submit(); err != nil {
			panic(fmt.Sprintf("uring: %v", err))
		}
	}
	return true
}

// BeforeEnter adds a hook that runs in each pass before the system call: the
// place to ring doorbells for all that the pass has prepared. The function
// returned takes the hook away again. A loop's first 8 hooks allocate nothing.
func (l *Loop) BeforeEnter(f func()) (remove func()) {
	i := len(l.hooks)
	for j, h := range l.hooks {
		if h == nil {
			i = j
			break
		}
	}
	if i == len(l.hooks) {
		l.hooks = append(l.hooks, nil)
	}
	l.hooks[i] = f
	if i == len(l.removes) {
		l.makeRemove()
	}
	return l.removes[i]
}

// readyHooks are the hooks that a loop is made for, so that BeforeEnter can be called where
// memory is short.
const readyHooks = 8

// makeRemove makes what takes the next hook away.
func (l *Loop) makeRemove() {
	i := len(l.removes)
	l.removes = append(l.removes, func() { l.hooks[i] = nil })
}

// Pass runs the hooks, submits, waits until there is a completion, a Post or
// the timeout (0: does not wait; negative: no limit), and dispatches every
// completion that is there. An error means that the ring is unusable.
func (l *Loop) Pass(timeout time.Duration) error {
	l.arm()
	l.runHooks()
	for round := 1; l.again; round++ {
		l.again = false
		if round == maxRounds || round > 1 && l.Prepared() {
			l.awake = true
			break
		}
		l.runHooks()
	}
	if l.awake {
		l.awake, timeout = false, 0
	}
	if err := l.ring.SubmitAndWait(1, timeout); err != nil {
		return err
	}
	l.now = monotonic()
	for {
		cqe, ok := l.ring.Next()
		if !ok {
			return nil
		}
		// A handler that detached has nothing in flight but, at most, a late wake-up.
		if h := l.handlers[cqe.UserData>>classShift]; h != nil {
			h.Handle(cqe.UserData&idMask, cqe.Res, cqe.Flags)
		}
	}
}

func (l *Loop) runHooks() {
	for _, hook := range l.hooks {
		if hook != nil {
			hook()
		}
	}
}

// maxRounds bounds how often hooks run in one pass, so that a pass always reaches
// its system call.
const maxRounds = 16

// Again is for a hook that has done what a handler does, such as taking
// completions from elsewhere. All hooks run once more before the system call, so
// that they see what the hook has done. When a further round has prepared SQEs, or
// after maxRounds rounds, Again acts like Awake: the pass submits and does not wait.
func (l *Loop) Again() { l.again = true }

// Prepared says whether there are SQEs for the coming system call. A hook that
// waits by itself keeps them from the kernel meanwhile.
func (l *Loop) Prepared() bool { return l.ring.sq.prepared() }

// Awake makes the pass that is under way, or else the next one, not wait. It is for
// a hook that has more to look for.
func (l *Loop) Awake() { l.awake = true }

// arm keeps one read of the eventfd in flight, so that Post ends a wait.
func (l *Loop) arm() {
	if l.armed {
		return
	}
	l.armed = true
	l.SQE(classLoop, 0).Read(int32(l.eventFD), offheap.Pointer(l.event), 8, 0)
}

func (l *Loop) woken(uint64, int32, uint32) {
	l.armed = false
	l.mu.Lock()
	run := l.posted
	l.posted = l.spare
	l.mu.Unlock()
	for i, f := range run {
		run[i] = nil
		f()
	}
	l.spare = run[:0]
}

// Post wakes the loop, which runs f on its thread in a coming pass. It may be
// called from any goroutine. It allocates, so it is for control, not for data.
// False means that the loop is closed and f will not run.
func (l *Loop) Post(f func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	l.posted = append(l.posted, f)
	if len(l.posted) == 1 {
		one := [8]byte{1}
		if _, err := unix.Write(l.eventFD, one[:]); err != nil {
			panic(fmt.Sprintf("uring: wake a loop: %v", err))
		}
	}
	return true
}

// Close ends the loop and its ring; functions posted but not run are dropped.
// Operations in flight must have been reaped: see Ring.Close.
func (l *Loop) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.closed = true
	l.posted = nil
	if l.keepProc {
		addProcs(-1)
	}
	err := l.drainWake()
	return errors.Join(err, l.ring.Close(), unix.Close(l.eventFD), offheap.Unmap(l.event))
}

// drainWake ends the read of the eventfd, whose buffer is freed next.
func (l *Loop) drainWake() error {
	if !l.armed {
		return nil
	}
	one := [8]byte{1}
	if _, err := unix.Write(l.eventFD, one[:]); err != nil {
		return fmt.Errorf("wake a loop that closes: %w", err)
	}
	for {
		if err := l.ring.SubmitAndWait(1, time.Second); err != nil {
			return err
		}
		for {
			cqe, ok := l.ring.Next()
			if !ok {
				break
			}
			if cqe.UserData == classLoop.Data(0) {
				return nil
			}
		}
	}
}

// started is the origin of Now.
var started = time.Now()

func monotonic() int64 { return int64(time.Since(started)) }
