package tcp

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/uring"
	"github.com/farswap/farswap/verbs"
)

const (
	// workerEntries is the submission ring of a worker: enough that a pass over
	// many busy connections seldom submits early.
	workerEntries   = 256
	workerCQEntries = 4096
	// drainGrace is how long a connection may take to finish what it has under
	// way in memory that is being deregistered. It bounds how long a donor waits
	// for its memory.
	drainGrace = 10 * time.Millisecond
	// drainPoll is how often a drain is looked at.
	drainPoll = time.Millisecond
)

// worker is one thread of a server: a loop and the connections on it. All but
// ended and counters belongs to the thread.
type worker struct {
	server   *Server
	loop     *uring.Loop
	class    uring.Class
	ended    chan error
	counters counters

	endpoints []*endpoint // by index; nil is free
	free      []int
	count     int
	grants    map[*session]*grants
	drains    []drain
	answered  bool // somebody who waits for this thread can go on
	quitting  bool
}

type counters struct {
	reads, writes, readBytes, writeBytes, accessErrors, protocol atomic.Uint64
}

// grants is a worker's copy of what a session may touch, so that the hot path
// looks it up without a lock.
type grants struct {
	regions map[verbs.Key][]byte
	heard   atomic.Uint64 // batches of operations that have come; read by all
}

// drain waits until no connection of a session touches mem, or, if mem is nil,
// until none is left.
type drain struct {
	grants   *grants
	mem      []byte
	deadline int64
	done     *sync.WaitGroup
}

// peer is a connection on its way from the handshake to a worker.
type peer struct {
	fd      int32
	depth   int
	remote  string
	session *session
	tenure  *tenure // of its place; nil without one
}

func startWorker(s *Server) (*worker, error) {
	w := &worker{server: s, ended: make(chan error, 1), grants: make(map[*session]*grants)}
	started := make(chan error)
	go w.run(started)
	return w, <-started
}

func (w *worker) run(started chan<- error) {
	// Never unlocked: the thread ends with the goroutine.
	runtime.LockOSThread()
	loop, err := uring.NewLoop(uring.Config{Entries: workerEntries, CQEntries: workerCQEntries, KeepProc: w.server.cfg.KeepProcs})
	if err != nil {
		started <- err
		return
	}
	w.loop = loop
	w.class = loop.Attach(w)
	started <- nil
	for !w.quitting || w.count > 0 || len(w.drains) > 0 {
		timeout := time.Duration(-1)
		if len(w.drains) > 0 {
			timeout = drainPoll
		}
		if err := loop.Pass(timeout); err != nil {
			// Without its ring the worker cannot know when the kernel lets go of
			// lent memory. Only the end of the process keeps that promise.
			panic(fmt.Sprintf("verbs/tcp: a server's ring has failed: %v", err))
		}
		w.checkDrains()
		if w.answered {
			// Whoever waited can run now, but lies with this thread's P, which waits in the
			// next system call with it: other threads look there last, and 0.1 ms later.
			w.answered = false
			runtime.Gosched()
		}
	}
	loop.Detach(w.class)
	w.ended <- loop.Close()
}

// Handle finds the endpoint that a completion belongs to.
func (w *worker) Handle(id uint64, res int32, _ uint32) {
	w.endpoints[id>>endpointShift].handle(id&(1<<endpointShift-1), res)
}

// adopt takes a connection that has passed the handshake.
func (w *worker) adopt(p peer) {
	g, known := w.grantsOf(p.session)
	switch {
	case w.quitting || !known:
		w.drop(p, verbs.ErrNoSession)
		return
	case p.tenure.ending():
		w.drop(p, verbs.ErrFenced)
		return
	}
	index := len(w.endpoints)
	if n := len(w.free); n > 0 {
		index = w.free[n-1]
	}
	e, err := newEndpoint(w, p, g, index)
	if err != nil {
		w.drop(p, err)
		return
	}
	if index == len(w.endpoints) {
		w.endpoints = append(w.endpoints, e)
	} else {
		w.free = w.free[:len(w.free)-1]
		w.endpoints[index] = e
	}
	w.count++
	if p.tenure != nil {
		p.tenure.endpoint = e
	}
	e.startReceive()
}

// grantsOf returns the worker's copy of a session's grants, made at the first
// use; false if the session has been revoked meanwhile.
func (w *worker) grantsOf(ses *session) (*grants, bool) {
	if g := w.grants[ses]; g != nil {
		return g, true
	}
	s := w.server
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sessions[ses.id] != ses {
		return nil, false
	}
	g := &grants{regions: make(map[verbs.Key][]byte, len(ses.regions))}
	for k, mem := range ses.regions {
		g.regions[k] = mem
	}
	w.grants[ses] = g
	ses.heard = append(ses.heard, &g.heard)
	return g, true
}

// drop ends a connection that never became an endpoint.
func (w *worker) drop(p peer, err error) {
	_ = unix.Close(int(p.fd))
	w.farewell(p, err)
}

func (w *worker) farewell(p peer, err error) {
	w.server.uncount(p.session)
	if p.tenure != nil {
		p.tenure.endpoint = nil
		w.server.leave(p.session, p.tenure)
		w.answered = w.answered || p.tenure.ending()
	}
	if f := w.server.cfg.Events.Ended; f != nil {
		f(p.remote, p.session.id, err)
	}
}

// remove forgets an endpoint that holds nothing any more.
func (w *worker) remove(e *endpoint) {
	w.endpoints[e.index] = nil
	w.free = append(w.free, e.index)
	w.count--
	w.farewell(e.peer, e.err)
}

func (w *worker) register(ses *session, k verbs.Key, mem []byte, done *sync.WaitGroup) {
	if g := w.grants[ses]; g != nil {
		g.regions[k] = mem
	}
	w.answer(done)
}

// answer tells somebody that what he waits for has happened.
func (w *worker) answer(done *sync.WaitGroup) {
	done.Done()
	w.answered = true
}

func (w *worker) deregister(ses *session, k verbs.Key, mem []byte, done *sync.WaitGroup) {
	g := w.grants[ses]
	if g == nil {
		w.answer(done)
		return
	}
	delete(g.regions, k)
	w.drains = append(w.drains, drain{grants: g, mem: mem, deadline: w.loop.Now() + int64(drainGrace), done: done})
}

func (w *worker) revoke(ses *session, done *sync.WaitGroup) {
	g := w.grants[ses]
	if g == nil {
		w.answer(done)
		return
	}
	delete(w.grants, ses)
	clear(g.regions)
	w.endAll(g, nil, fmt.Errorf("session %d revoked: %w", ses.id, verbs.ErrNoSession))
	w.drains = append(w.drains, drain{grants: g, done: done})
}

// evict ends the connection that has a tenure: a later one has claimed its place.
func (w *worker) evict(t *tenure) {
	if e := t.endpoint; e != nil {
		e.end(fmt.Errorf("a later connection has claimed place %d: %w", t.place, verbs.ErrFenced))
	}
}

func (w *worker) quit() {
	w.quitting = true
	for _, e := range w.endpoints {
		if e != nil {
			e.end(verbs.ErrClosed)
		}
	}
}

// endAll ends the session's endpoints that touch mem; all of them if it is nil.
func (w *worker) endAll(g *grants, mem []byte, err error) {
	for _, e := range w.endpoints {
		if e != nil && e.grants == g && (mem == nil || e.touches(mem)) {
			e.end(err)
		}
	}
}

func (w *worker) checkDrains() {
	if len(w.drains) == 0 {
		return
	}
	now := w.loop.Now()
	left := w.drains[:0]
	for _, d := range w.drains {
		switch {
		case !w.inUse(d):
			w.answer(d.done)
			continue
		case d.mem != nil && now >= d.deadline:
			w.endAll(d.grants, d.mem, fmt.Errorf("operation under way in deregistered memory: %w", verbs.ErrNoKey))
		}
		left = append(left, d)
	}
	clear(w.drains[len(left):])
	w.drains = left
}

func (w *worker) inUse(d drain) bool {
	for _, e := range w.endpoints {
		if e != nil && e.grants == d.grants && (d.mem == nil || e.touches(d.mem)) {
			return true
		}
	}
	return false
}
