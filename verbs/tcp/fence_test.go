package tcp

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/farswap/farswap/verbs"
	"github.com/farswap/farswap/verbs/internal/handshake"
	"github.com/farswap/farswap/verbs/verbstest"
)

// at is the configuration of a connection with a place.
func at(place uint32, generation uint64) verbs.QPConfig {
	return verbs.QPConfig{Depth: 16, Place: place, Generation: generation}
}

// gate forwards one connection. Once it is shut, what the device sends stays in the gate
// until it is opened, whatever becomes of the device's end.
type gate struct {
	address string
	ended   chan struct{} // closed when both ends of the connection are
	cut     context.CancelFunc

	mu   sync.Mutex // guards shut; held while bytes go through
	shut bool
	free sync.Cond // for a gate that opens
}

func newGate(t *testing.T, to string) *gate {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cut := context.WithCancel(context.Background())
	g := &gate{address: l.Addr().String(), ended: make(chan struct{}), cut: cut}
	g.free.L = &g.mu
	go func() {
		defer close(g.ended)
		defer l.Close()
		device, err := l.Accept()
		if err != nil {
			return
		}
		defer device.Close()
		context.AfterFunc(ctx, func() { _ = device.Close() })
		server, err := net.Dial("tcp", to)
		if err != nil {
			return
		}
		defer server.Close()
		context.AfterFunc(ctx, func() { _ = server.Close() })
		var both sync.WaitGroup
		both.Go(func() { _, _ = io.Copy(device, server) })
		both.Go(func() {
			_, _ = io.Copy(passage{g, server}, device)
			_ = server.(*net.TCPConn).CloseWrite()
		})
		both.Wait()
	}()
	t.Cleanup(func() {
		g.set(false)
		_ = l.Close()
		g.cut()
		<-g.ended
	})
	return g
}

func (g *gate) set(shut bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = shut
	g.free.Broadcast()
}

// passage is the way through a gate to the server.
type passage struct {
	gate *gate
	to   io.Writer
}

func (p passage) Write(b []byte) (int, error) {
	p.gate.mu.Lock()
	defer p.gate.mu.Unlock()
	for p.gate.shut {
		p.gate.free.Wait()
	}
	return p.to.Write(b)
}

// A WRITE that has failed lies in the network and arrives when its page has been written
// anew by a later connection of the same place.
func TestLateWriteDoesNotPassTheFence(t *testing.T) {
	r := newRig(t, Config{Threads: 2}, verbs.QPConfig{})
	old, fresh := r.local[:page], r.local[page:2*page]
	for i := range old {
		old[i], fresh[i] = 1, 2
	}
	g := newGate(t, r.server.Address())
	first := r.connectTo(t, g.address, at(1, 1))
	if got := r.do(t, first, r.read(r.local[2*page:3*page], 0)); got[0] != verbs.StatusOK {
		t.Fatal(got, first.Err())
	}
	g.set(true)
	late := r.write(old, 0)
	late.ID = 0
	if err := first.Post(&late); err != nil {
		t.Fatal(err)
	}
	first.Doorbell()
	if err := r.loop.Pass(time.Millisecond); err != nil {
		t.Fatal(err)
	}
	first.Fail(nil)
	if got := r.collect(t, first, 1); got[0] != verbs.StatusFlushed {
		t.Fatal(got)
	}
	second := r.connectTo(t, r.server.Address(), at(1, 2))
	if got := r.do(t, second, r.write(fresh, 0)); got[0] != verbs.StatusOK {
		t.Fatal(got, second.Err())
	}
	g.set(false)
	<-g.ended
	if !bytes.Equal(r.remote[:page], fresh) {
		t.Error("the old write was carried out after a later connection of the place was accepted")
	}
	if got := r.do(t, second, r.read(r.local[2*page:3*page], 0)); got[0] != verbs.StatusOK {
		t.Error(got, second.Err())
	}
}

// A WRITE that has arrived in part is in the hands of the kernel when the fence comes.
func TestFenceEndsAWriteHalfway(t *testing.T) {
	var mu sync.Mutex
	var ended []error
	cfg := Config{Threads: 1, Events: Events{Ended: func(_ string, _ verbs.SessionID, err error) {
		mu.Lock()
		defer mu.Unlock()
		ended = append(ended, err)
	}}}
	r := newRig(t, cfg, verbs.QPConfig{})
	c := r.dialRaw(t)
	if err := introduce(c, r.cred, at(1, 1)); err != nil {
		t.Fatal(err)
	}
	request := marshalBatch(5, opHeader{op: verbs.OpWrite, key: r.grant.Key, length: verbs.MaxLength})
	half := len(request) / 2
	if _, err := c.Write(request[:half]); err != nil {
		t.Fatal(err)
	}
	r.works(t, "beside half a write")
	second := r.connect(t, at(1, 2), nil)
	clear(r.remote)
	_, _ = c.Write(request[half:])
	ends(t, c)
	if got := r.do(t, second, r.read(r.local[:page], 0)); got[0] != verbs.StatusOK {
		t.Error(got, second.Err())
	}
	if bytes.IndexByte(r.remote, 5) >= 0 {
		t.Error("the old write went on after a later connection of the place was accepted")
	}
	mu.Lock()
	defer mu.Unlock()
	fenced := 0
	for _, err := range ended {
		if errors.Is(err, verbs.ErrFenced) {
			fenced++
		}
	}
	if fenced != 1 {
		t.Errorf("%d connections ended for a fence: %v", fenced, ended)
	}
}

// Memory is filled anew as soon as a later connection is accepted, while the earlier one
// is in the middle of many operations.
func TestFenceUnderLoad(t *testing.T) {
	for _, threads := range []int{1, 3} {
		r := newRig(t, Config{Threads: threads, HandshakeTimeout: time.Minute}, verbs.QPConfig{})
		lent := r.remote[:16*64*page]
		for i := range r.local {
			r.local[i] = 0x11
		}
		qp := r.connect(t, at(7, 1), nil)
		for generation := uint64(2); generation < 60; generation++ {
			for i := range 16 {
				wr := r.write(r.local[:64*page], uint64(i*64*page))
				if err := qp.Post(&wr); err != nil {
					t.Fatal(err)
				}
			}
			qp.Doorbell()
			if err := r.loop.Pass(time.Millisecond); err != nil {
				t.Fatal(err)
			}
			next := r.connect(t, at(7, generation), nil)
			for i := range lent {
				lent[i] = 0x99
			}
			r.end(t, qp)
			if i := bytes.IndexByte(lent, 0x11); i >= 0 {
				t.Fatalf("generation %d: byte %d was written by an earlier connection", generation, i)
			}
			qp = next
		}
		eventually(t, "all others are gone", func() bool { return r.server.Stats().Connections == 2 })
	}
}

// Connections run through gates that are shut without notice, and opened when the next
// connection of the place is there.
func TestFencedHistory(t *testing.T) {
	r := newRig(t, Config{Threads: 2, HandshakeTimeout: time.Minute}, verbs.QPConfig{})
	rnd := rand.New(rand.NewPCG(7, 8))
	var gates []*gate
	verbstest.Fenced{
		Loop: r.loop, Local: r.local[:64*page], Remote: r.remote[:64*page], Key: r.grant.Key, Size: page, Ops: 4000,
		Connect: func(generation uint64) (verbs.QP, error) {
			gates = append(gates, newGate(t, r.server.Address()))
			cfg := verbs.QPConfig{Depth: 16, Timeout: 20 * time.Millisecond, Place: 1, Generation: generation}
			conn, err := r.dev.Connect(context.Background(), gates[len(gates)-1].address, r.cred, cfg)
			if err != nil {
				return nil, err
			}
			return conn.Attach(r.loop, nil)
		},
		Round: func() {
			last := len(gates) - 1
			switch n := rnd.IntN(200); {
			case n == 0:
				gates[last].set(true)
			case n < 20 && last > 0:
				gates[rnd.IntN(last)].set(false)
			}
		},
	}.Run(t)
}

func TestGenerations(t *testing.T) {
	r := newRig(t, Config{Threads: 2}, verbs.QPConfig{})
	connect := func(cfg verbs.QPConfig) error {
		c, err := r.dev.Connect(context.Background(), r.server.Address(), r.cred, cfg)
		if err == nil {
			err = c.Close()
		}
		return err
	}
	second := r.connect(t, at(1, 5), nil)
	for i, c := range []struct {
		cfg  verbs.QPConfig
		want error
	}{
		{at(1, 5), verbs.ErrFenced},
		{at(1, 4), verbs.ErrFenced},
		{at(2, 1), nil},
		{at(2, 1), verbs.ErrFenced}, // that one has gone, but its number is used up
		{at(2, 1<<63), nil},
		{at(0, 0), nil},
		{at(0, 1), verbs.ErrConfig},
		{at(3, 0), verbs.ErrConfig},
	} {
		if err := connect(c.cfg); !errors.Is(err, c.want) {
			t.Errorf("%d: %v, want %v", i, err, c.want)
		}
	}
	for _, qp := range []verbs.QP{r.qp, second} { // nobody has claimed their places
		if got := r.do(t, qp, r.read(r.local[:8], 0)); got[0] != verbs.StatusOK {
			t.Error(got, qp.Err())
		}
	}
	if err := connect(at(1, 6)); err != nil {
		t.Error(err)
	}
	if got := r.do(t, second, r.read(r.local[:8], 0)); got[0] != verbs.StatusTransport {
		t.Error("a connection goes on after the fence", got)
	}
	if _, err := r.server.Register(testSession, r.remote); err != nil { // the session does
		t.Error(err)
	}
	// Another session has places of its own.
	r.cred = verbs.NewCredential(testSession + 1)
	if err := r.server.Admit(r.cred); err != nil {
		t.Fatal(err)
	}
	if err := connect(at(1, 1)); err != nil {
		t.Error(err)
	}
}

// A claim that was held up on its way does not end the connection that came after it.
func TestLateClaimIsRefused(t *testing.T) {
	r := newRig(t, Config{Threads: 1}, verbs.QPConfig{})
	c := r.dialRaw(t)
	buf := make([]byte, format.GreetingSize())
	if _, err := io.ReadFull(c, buf); err != nil {
		t.Fatal(err)
	}
	server, err := format.ParseGreeting(buf)
	if err != nil {
		t.Fatal(err)
	}
	second := r.connect(t, at(1, 2), nil)
	late := format.NewClaim(testSession, at(1, 1))
	if _, err := c.Write(format.Claim(late, server, &r.cred.Secret)); err != nil {
		t.Fatal(err)
	}
	if err := format.ParseVerdict(ends(t, c), late.Nonce, server, &r.cred.Secret); !errors.Is(err, verbs.ErrFenced) {
		t.Error(err)
	}
	if got := r.do(t, second, r.read(r.local[:8], 0)); got[0] != verbs.StatusOK {
		t.Error(got, second.Err())
	}
}

// The wait for a connection that does not end has a bound, after which the server refuses.
func TestFenceHasABound(t *testing.T) {
	r := newRig(t, Config{Threads: 1, HandshakeTimeout: 400 * time.Millisecond}, verbs.QPConfig{})
	ses := r.server.sessions[testSession]
	stuck, _, err := r.server.enter(ses, handshake.Claim{Session: testSession, Place: 1, Generation: 1})
	if err != nil {
		t.Fatal(err)
	}
	connect := func(generation uint64) error {
		c, err := r.dev.Connect(context.Background(), r.server.Address(), r.cred, at(1, generation))
		if err == nil {
			err = c.Close()
		}
		return err
	}
	for generation := uint64(2); generation < 4; generation++ {
		if err := connect(generation); !errors.Is(err, verbs.ErrBusy) {
			t.Errorf("generation %d: %v", generation, err)
		}
	}
	r.server.leave(ses, stuck)
	if err := connect(4); err != nil {
		t.Error(err)
	}
	eventually(t, "only the rig's is left", func() bool { return r.server.Stats().Connections == 1 })
}

// Many claims at a time: one of them has the place in the end, the highest, and no other
// is left.
func TestClaimsAtTheSameTime(t *testing.T) {
	r := newRig(t, Config{Threads: 3, HandshakeTimeout: time.Minute}, verbs.QPConfig{})
	const claims = 60
	conns := make([]verbs.Conn, claims+1)
	var all sync.WaitGroup
	for generation := uint64(1); generation <= claims; generation++ {
		all.Go(func() {
			c, err := r.dev.Connect(context.Background(), r.server.Address(), r.cred, at(1, generation))
			if err == nil {
				conns[generation] = c
			} else if !errors.Is(err, verbs.ErrFenced) && !errors.Is(err, io.EOF) {
				t.Errorf("generation %d: %v", generation, err)
			}
		})
	}
	all.Wait()
	last := conns[claims]
	if last == nil {
		t.Fatal("the highest generation did not get the place")
	}
	eventually(t, "the others are gone", func() bool { return r.server.Stats().Connections == 2 })
	qp, err := last.Attach(r.loop, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := r.do(t, qp, r.read(r.local[:8], 0)); got[0] != verbs.StatusOK {
		t.Error(got, qp.Err())
	}
	r.end(t, qp)
	for _, c := range conns {
		if c != nil {
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}
