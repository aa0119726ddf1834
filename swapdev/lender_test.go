package swapdev

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/offheap"
	"github.com/farswap/farswap/swapdev/lenders"
	"github.com/farswap/farswap/uring"
	"github.com/farswap/farswap/verbs"
	"github.com/farswap/farswap/verbs/faulty"
	"github.com/farswap/farswap/verbs/tcp"
)

// lender is a donor that serves over any transports, all of them TCP by another
// name: this machine need not have the true ones.
type lender struct {
	t        testing.TB
	listener *control.Listener
	servers  []*namedServer
	last     atomic.Uint64 // session

	before    func(*control.Unmap)          // called before each; nil: nothing
	beforeMap func(*control.Map)            // the same
	lent      atomic.Int64                  // slabs
	full      atomic.Bool                   // no slab is lent
	asked     atomic.Int64                  // Maps, refused ones included
	stall     atomic.Pointer[chan struct{}] // each QueryMem waits until it is closed; nil: none waits
	name      string                        // as devices know it
	forgets   atomic.Bool                   // sessions outlive their connections; their keys do not

	mu       sync.Mutex
	kept     map[verbs.SessionID]*borrower // sessions without a connection
	sessions map[*control.Session]*borrower
	maps     []string // the transport of each Map
	ends     []error  // of sessions
}

type namedServer struct {
	verbs.Server
	name string
}

// borrower is one session.
type borrower struct {
	lender *lender
	id     verbs.SessionID
	secret control.Secret
	slabs  map[uint32]lentSlab
}

type lentSlab struct {
	server *namedServer
	key    verbs.Key
	mem    []byte
}

func startLender(t testing.TB, transports ...string) *lender {
	t.Helper()
	l := &lender{t: t, name: "lender", sessions: make(map[*control.Session]*borrower), kept: make(map[verbs.SessionID]*borrower)}
	for _, name := range transports {
		s, err := tcp.Listen("127.0.0.1:0", tcp.Config{})
		if err != nil {
			t.Fatal(err)
		}
		l.servers = append(l.servers, &namedServer{s, name})
	}
	var err error
	if l.listener, err = control.Listen("127.0.0.1:0", control.ListenConfig{Insecure: true}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.listener.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		err := <-done
		for _, s := range l.servers {
			err = errors.Join(err, s.Close())
		}
		if err != nil {
			t.Error(err)
		}
	})
	return l
}

func (l *lender) address() string { return l.listener.Addr().String() }

// over is where a transport is served.
func (l *lender) over(name string) string {
	for _, s := range l.servers {
		if s.name == name {
			return s.Address()
		}
	}
	return ""
}

// hangUp ends all sessions.
func (l *lender) hangUp() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for s := range l.sessions {
		s.Abort(control.ErrInternal)
	}
}

// holds is how many slabs are lent in sessions that last.
func (l *lender) holds() int64 { return l.lent.Load() }

// mapped is how often slabs were mapped over a transport.
func (l *lender) mapped(transport string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, m := range l.maps {
		if m == transport {
			n++
		}
	}
	return n
}

// Admit implements control.Service.
func (l *lender) Admit(_ context.Context, s *control.Session, hello *control.Hello) (*control.Welcome, control.Handler, error) {
	if hello.Resume != 0 {
		return l.resume(s, verbs.SessionID(hello.Resume))
	}
	b := &borrower{lender: l, id: verbs.SessionID(l.last.Add(1)), slabs: make(map[uint32]lentSlab)}
	credential := verbs.NewCredential(b.id)
	b.secret = credential.Secret
	w := &control.Welcome{Session: uint64(b.id), Name: b.lender.name, Secret: credential.Secret}
	if l.forgets.Load() {
		w.Grace = hello.Grace
	}
	for _, server := range l.servers {
		if err := server.Admit(credential); err != nil {
			return nil, nil, err
		}
		w.Data = append(w.Data, control.Endpoint{Transport: server.name, Address: server.Address()})
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sessions[s] = b
	return w, b, nil
}

// resume goes on with a session, as a donor does in another process: the memory is there, and the keys are
// not.
func (l *lender) resume(s *control.Session, id verbs.SessionID) (*control.Welcome, control.Handler, error) {
	var b *borrower
	for b == nil { // the end of the connection before may not have been noticed yet
		l.mu.Lock()
		if b = l.kept[id]; b == nil {
			l.mu.Unlock()
			time.Sleep(time.Millisecond)
		}
	}
	defer l.mu.Unlock()
	delete(l.kept, id)
	l.sessions[s] = b
	w := &control.Welcome{Session: uint64(id), Name: l.name, Secret: b.secret, Grace: 60_000, Resumed: true}
	for _, server := range l.servers {
		w.Data = append(w.Data, control.Endpoint{Transport: server.name, Address: server.Address()})
	}
	for i, slab := range b.slabs {
		if slab.key != 0 {
			if err := slab.server.Deregister(b.id, slab.key); err != nil {
				return nil, nil, err
			}
		}
		slab.key = 0
		b.slabs[i] = slab
		w.Held = append(w.Held, i)
	}
	return w, b, nil
}

// claim gives a slab another key.
func (b *borrower) claim(req *control.Map) (*control.MRInfo, error) {
	slab, ok := b.slabs[req.Slab]
	if !ok || slab.key != 0 {
		return nil, control.ErrUnknownSlab
	}
	grant, err := slab.server.Register(b.id, slab.mem)
	if err != nil {
		return nil, err
	}
	slab.key = grant.Key
	b.slabs[req.Slab] = slab
	return &control.MRInfo{Slab: req.Slab, Key: uint64(grant.Key), Bytes: req.Bytes}, nil
}

// Ended implements control.Service.
func (l *lender) Ended(s *control.Session) {
	l.mu.Lock()
	b := l.sessions[s]
	delete(l.sessions, s)
	l.ends = append(l.ends, s.Err())
	if l.forgets.Load() && errors.Is(s.Err(), control.ErrPeerLost) {
		l.kept[b.id] = b
		l.mu.Unlock()
		return
	}
	l.mu.Unlock()
	for _, server := range l.servers {
		server.Revoke(b.id)
	}
	l.lent.Add(-int64(len(b.slabs)))
	for _, slab := range b.slabs {
		if err := offheap.Unmap(slab.mem); err != nil {
			l.t.Error(err)
		}
	}
}

// Handle implements control.Handler.
func (b *borrower) Handle(_ context.Context, req control.Message) (control.Message, error) {
	switch req := req.(type) {
	case *control.QueryMem:
		if stall := b.lender.stall.Load(); stall != nil {
			<-*stall
		}
		return &control.FreeMem{Free: 1 << 30, Total: 1 << 30}, nil
	case *control.Map:
		return b.mapSlab(req)
	case *control.Unmap:
		if b.lender.before != nil {
			b.lender.before(req)
		}
		slab, ok := b.slabs[req.Slab]
		if !ok || req.Key != 0 && req.Key != uint64(slab.key) {
			return nil, control.ErrUnknownSlab
		}
		delete(b.slabs, req.Slab)
		b.lender.lent.Add(-1)
		return &control.Done{Slab: req.Slab}, errors.Join(slab.server.Deregister(b.id, slab.key), offheap.Unmap(slab.mem))
	}
	return nil, control.ErrUnsupported
}

func (b *borrower) mapSlab(req *control.Map) (*control.MRInfo, error) {
	b.lender.asked.Add(1)
	if b.lender.beforeMap != nil {
		b.lender.beforeMap(req)
	}
	if b.lender.full.Load() {
		return nil, control.ErrNoMemory
	}
	if req.Claim {
		return b.claim(req)
	}
	for _, server := range b.lender.servers {
		if server.name != req.Transport {
			continue
		}
		mem, err := offheap.Map(int(req.Bytes), offheap.Options{})
		if err != nil {
			return nil, err
		}
		grant, err := server.Register(b.id, mem)
		if err != nil {
			return nil, errors.Join(err, offheap.Unmap(mem))
		}
		b.slabs[req.Slab] = lentSlab{server, grant.Key, mem}
		b.lender.lent.Add(1)
		b.lender.mu.Lock()
		defer b.lender.mu.Unlock()
		b.lender.maps = append(b.lender.maps, req.Transport)
		return &control.MRInfo{Slab: req.Slab, Key: uint64(grant.Key), Bytes: req.Bytes}, nil
	}
	return nil, fmt.Errorf("map over %q: %w", req.Transport, control.ErrUnsupported)
}

// way is a device of a lender: TCP under a name, with faults.
type way struct {
	*faulty.Device
	name string

	mu       sync.Mutex
	spin     verbs.QPConfig // the last that polls: a queue's
	connects int
	failFrom int // connects from this one on fail, unless 0
	attaches int
	badQueue int   // attaches of this one on fail, unless 0
	register error // of Register
}

var errWay = errors.New("the way is shut")

func newWay(t testing.TB, name string) *way {
	t.Helper()
	d, err := tcp.Open(tcp.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return &way{Device: faulty.Wrap(d, faulty.Plan{}), name: name}
}

func (w *way) Name() string { return w.name }

func (w *way) Register(mem []byte) (verbs.Region, error) {
	if w.register != nil {
		return nil, w.register
	}
	return w.Device.Register(mem)
}

func (w *way) Connect(ctx context.Context, address string, cred verbs.Credential, cfg verbs.QPConfig) (verbs.Conn, error) {
	w.mu.Lock()
	w.connects++
	if cfg.Spin > 0 {
		w.spin = cfg
	}
	shut := w.failFrom > 0 && w.connects >= w.failFrom
	w.mu.Unlock()
	if shut {
		return nil, errWay
	}
	c, err := w.Device.Connect(ctx, address, cred, cfg)
	if err != nil {
		return nil, err
	}
	return &wayConn{c, w}, nil
}

type wayConn struct {
	verbs.Conn
	way *way
}

func (c *wayConn) Attach(loop *uring.Loop, notify func()) (verbs.QP, error) {
	w := c.way
	w.mu.Lock()
	w.attaches++
	shut := w.badQueue > 0 && w.attaches >= w.badQueue
	w.mu.Unlock()
	if shut {
		return nil, errWay
	}
	return c.Conn.Attach(loop, notify)
}

// transport is the way as the engine has it. While absent is an error, it cannot
// be opened.
func (w *way) transport(absent *atomic.Pointer[error]) *lenders.Transport {
	return lenders.NewTransport(w.name, func() (verbs.Device, error) {
		if absent != nil {
			if err := absent.Load(); err != nil {
				return nil, *err
			}
		}
		return w, nil
	})
}

// logged keeps the lines of a log.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logged) logger() zerolog.Logger { return zerolog.New(l) }

// lines are those that contain all words.
func (l *logged) lines(words ...string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []string
	for line := range strings.Lines(l.text.String()) {
		all := true
		for _, w := range words {
			all = all && strings.Contains(line, w)
		}
		if all {
			found = append(found, line)
		}
	}
	return found
}
