package tcp

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/farswap/farswap/internal/proxytest"
	"github.com/farswap/farswap/uring"
	"github.com/farswap/farswap/verbs"
)

// impostor is a server that passes the handshake and then does what script
// says. The connection is closed when the test ends.
func impostor(t *testing.T, r *rig, script func(c net.Conn)) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	running.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer c.Close()
				p, err := r.server.authenticate(ctx, c, func() error { return nil })
				if err != nil {
					return
				}
				r.server.forget(p)
				script(c)
				<-ctx.Done()
			})
		}
	})
	t.Cleanup(func() {
		cancel()
		_ = l.Close()
		running.Wait()
	})
	return l.Addr().String()
}

func (r *rig) connectTo(t *testing.T, address string, cfg verbs.QPConfig) verbs.QP {
	t.Helper()
	conn, err := r.dev.Connect(context.Background(), address, r.cred, cfg)
	if err != nil {
		t.Fatal(err)
	}
	qp, err := conn.Attach(r.loop, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.end(t, qp) })
	return qp
}

func TestTimeout(t *testing.T) {
	r := newRig(t, Config{Threads: 1}, verbs.QPConfig{})
	address := impostor(t, r, func(net.Conn) {})
	const timeout = 30 * time.Millisecond
	qp := r.connectTo(t, address, verbs.QPConfig{Timeout: timeout})
	qp.Tick(1 << 60) // nothing is outstanding
	if qp.State() != verbs.StateReady {
		t.Fatal("an idle QP timed out")
	}
	began := r.loop.Now()
	wr := r.read(r.local[:8], 0)
	for i := range 4 {
		wr.ID = uint64(i)
		if err := qp.Post(&wr); err != nil {
			t.Fatal(err)
		}
		if i == 2 {
			qp.Doorbell() // the last one is never sent
		}
	}
	r.wait(t, "timeout", func() bool {
		qp.Tick(r.loop.Now())
		return qp.State() == verbs.StateError
	})
	if took := time.Duration(r.loop.Now() - began); took < timeout {
		t.Errorf("timed out after %v of %v", took, timeout)
	}
	want := []verbs.Status{verbs.StatusTimeout, verbs.StatusFlushed, verbs.StatusFlushed, verbs.StatusFlushed}
	if got := r.collect(t, qp, 4); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if !errors.Is(qp.Err(), verbs.ErrTimeout) {
		t.Error(qp.Err())
	}
}

// A server that takes its time has not failed while operations get done, however
// long the last in line waits. One that goes silent after that has.
func TestSlowServerIsNotDead(t *testing.T) {
	r := newRig(t, Config{Threads: 1}, verbs.QPConfig{})
	const (
		timeout              = 300 * time.Millisecond
		operations, answered = 8, 6
	)
	address := impostor(t, r, func(c net.Conn) {
		for seq := range uint64(answered) {
			time.Sleep(timeout / 3)
			if _, err := c.Write(reply(replyOK, 8, seq)); err != nil {
				t.Error(err)
			}
		}
	})
	qp := r.connectTo(t, address, verbs.QPConfig{Timeout: timeout})
	began := r.loop.Now()
	wr := r.read(r.local[:8], 0)
	for i := range operations {
		wr.ID = uint64(i)
		if err := qp.Post(&wr); err != nil {
			t.Fatal(err)
		}
	}
	qp.Doorbell()
	r.wait(t, "timeout", func() bool {
		qp.Tick(r.loop.Now())
		return qp.State() == verbs.StateError
	})
	if took := time.Duration(r.loop.Now() - began); took < answered*timeout/3+timeout {
		t.Errorf("timed out after %v", took)
	}
	want := []verbs.Status{answered: verbs.StatusTimeout, operations - 1: verbs.StatusFlushed}
	if got := r.collect(t, qp, operations); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func reply(status uint8, length uint32, seq uint64) []byte {
	b := make([]byte, replySize)
	putReply(b, status, length, seq)
	return append(b, make([]byte, length)...)
}

func TestHostileServer(t *testing.T) {
	r := newRig(t, Config{Threads: 1}, verbs.QPConfig{})
	good := reply(replyOK, 8, 0)
	for name, c := range map[string]struct {
		answer []byte
		want   []verbs.Status
	}{
		"closes":              {nil, []verbs.Status{verbs.StatusTransport, verbs.StatusFlushed}},
		"half a header":       {good[:7], []verbs.Status{verbs.StatusTransport, verbs.StatusFlushed}},
		"half a payload":      {good[:20], []verbs.Status{verbs.StatusTransport, verbs.StatusFlushed}},
		"one reply of two":    {good, []verbs.Status{verbs.StatusOK, verbs.StatusTransport}},
		"same reply twice":    {slices.Concat(good, good), []verbs.Status{verbs.StatusOK, verbs.StatusTransport}},
		"wrong sequence":      {reply(replyOK, 8, 1), []verbs.Status{verbs.StatusTransport, verbs.StatusFlushed}},
		"too short":           {reply(replyOK, 7, 0), []verbs.Status{verbs.StatusTransport, verbs.StatusFlushed}},
		"too long":            {reply(replyOK, 1<<20, 0), []verbs.Status{verbs.StatusTransport, verbs.StatusFlushed}},
		"unknown status":      {reply(9, 0, 0), []verbs.Status{verbs.StatusTransport, verbs.StatusFlushed}},
		"refused":             {reply(replyRemoteAccess, 0, 0), []verbs.Status{verbs.StatusRemoteAccess, verbs.StatusFlushed}},
		"noise":               {bytes.Repeat([]byte{0xa5}, 4096), []verbs.Status{verbs.StatusTransport, verbs.StatusFlushed}},
		"more than was asked": {slices.Concat(good, reply(replyOK, 8, 1), good), []verbs.Status{verbs.StatusOK, verbs.StatusOK}},
	} {
		address := impostor(t, r, func(conn net.Conn) {
			if _, err := io.ReadFull(conn, make([]byte, batchSize+2*opSize)); err != nil {
				return
			}
			_, _ = conn.Write(c.answer)
			_ = conn.Close()
		})
		qp := r.connectTo(t, address, verbs.QPConfig{})
		guard := bytes.Clone(r.local[16:])
		got := r.do(t, qp, r.read(r.local[:8], 0), r.read(r.local[8:16], 0))
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v (%v)", name, got, c.want, qp.Err())
		}
		if !bytes.Equal(guard, r.local[16:]) {
			t.Errorf("%s: memory beside the buffers was written", name)
		}
	}
}

// A reply to a write whose data is still being sent does not give the buffer
// back: the kernel still reads from it.
func TestEarlyReplyDoesNotFreeTheBuffer(t *testing.T) {
	r := newRig(t, Config{Threads: 1, SendBuffer: 16 << 10, ReceiveBuffer: 16 << 10}, verbs.QPConfig{})
	answer, drain := make(chan struct{}), make(chan struct{})
	address := impostor(t, r, func(c net.Conn) {
		<-answer
		_, _ = c.Write(slices.Concat(reply(replyOK, 8, 0), reply(replyOK, 0, 1)))
		<-drain
		_, _ = io.Copy(io.Discard, c)
	})
	qp := r.connectTo(t, address, verbs.QPConfig{})
	pass := func(n int) {
		for range n {
			if err := r.loop.Pass(2 * time.Millisecond); err != nil {
				t.Fatal(err)
			}
		}
	}
	// The first operation has its receive linked behind the send; the second
	// finds a receive waiting, which can overtake its send.
	for i, wr := range []verbs.WR{r.read(r.local[:8], 0), r.write(r.local[:verbs.MaxLength], 0)} {
		wr.ID = uint64(i)
		if err := qp.Post(&wr); err != nil {
			t.Fatal(err)
		}
		qp.Doorbell()
		pass(3)
	}
	close(answer)
	var c [2]verbs.Completion
	r.wait(t, "the read", func() bool { return qp.Poll(c[:]) == 1 })
	pass(10)
	if n := qp.Poll(c[:]); n != 0 {
		t.Fatalf("completed %+v while its data was being sent", c[0])
	}
	close(drain)
	r.wait(t, "the write", func() bool { return qp.Poll(c[:]) == 1 })
	if c[0].ID != 1 || c[0].Status != verbs.StatusOK {
		t.Errorf("%+v: %v", c[0], qp.Err())
	}
	r.end(t, qp)
}

// Fail must bring back buffers from a send that the peer does not take.
func TestFailWhileSending(t *testing.T) {
	r := newRig(t, Config{Threads: 1, SendBuffer: 16 << 10, ReceiveBuffer: 16 << 10}, verbs.QPConfig{})
	address := impostor(t, r, func(net.Conn) {})
	for _, first := range []verbs.Opcode{verbs.OpRead, verbs.OpWrite} {
		qp := r.connectTo(t, address, verbs.QPConfig{})
		n := 0
		post := func(op verbs.Opcode, size int) {
			wr := verbs.WR{ID: uint64(n), Op: op, Local: r.local[:size], Key: r.grant.Key}
			if err := qp.Post(&wr); err != nil {
				t.Fatal(err)
			}
			qp.Doorbell()
			n++
		}
		post(first, verbs.MaxLength)
		if err := r.loop.Pass(time.Millisecond); err != nil {
			t.Fatal(err)
		}
		post(verbs.OpWrite, verbs.MaxLength)
		for range 3 {
			if err := r.loop.Pass(time.Millisecond); err != nil {
				t.Fatal(err)
			}
		}
		post(verbs.OpRead, 8)
		reason := errors.New("enough")
		qp.Fail(reason)
		want := []verbs.Status{verbs.StatusFlushed, verbs.StatusFlushed, verbs.StatusFlushed}
		if got := r.collect(t, qp, n); !slices.Equal(got, want) {
			t.Errorf("%v", got)
		}
		if !errors.Is(qp.Err(), reason) {
			t.Error(qp.Err())
		}
	}
}

// cutter forwards one connection and cuts it after the given numbers of bytes.
func cutter(t *testing.T, to string, up, down int64) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		defer l.Close()
		a, err := l.Accept()
		if err != nil {
			return
		}
		defer a.Close()
		b, err := net.Dial("tcp", to)
		if err != nil {
			return
		}
		defer b.Close()
		ended := make(chan struct{}, 2)
		forward := func(dst, src net.Conn, n int64) {
			_, _ = io.CopyN(dst, src, n)
			ended <- struct{}{}
		}
		running.Go(func() { forward(b, a, up) })
		running.Go(func() { forward(a, b, down) })
		<-ended
	})
	t.Cleanup(func() {
		_ = l.Close()
		running.Wait()
	})
	return l.Addr().String()
}

func TestConnectionCutAnywhere(t *testing.T) {
	r := newRig(t, Config{Threads: 1}, verbs.QPConfig{})
	rnd := rand.New(rand.NewPCG(5, 6))
	for range 60 {
		// The handshake passes, then something is left over for operations.
		up := int64(format.ClaimSize()) + rnd.Int64N(200<<10)
		down := int64(format.GreetingSize()+format.VerdictSize()) + rnd.Int64N(200<<10)
		qp := r.connectTo(t, cutter(t, r.server.Address(), up, down), verbs.QPConfig{Depth: 100})
		var wrs []verbs.WR
		for i := range 100 {
			local := r.local[i*page : (i+1)*page]
			if i%2 == 0 {
				local[0], local[page-1] = byte(rnd.Uint32()), byte(rnd.Uint32())
				wrs = append(wrs, r.write(local, uint64(i*page)))
			} else {
				wrs = append(wrs, r.read(local, uint64((i-1)*page)))
			}
		}
		got := r.do(t, qp, wrs...)
		bad := slices.IndexFunc(got, func(s verbs.Status) bool { return s != verbs.StatusOK })
		for i, s := range got {
			switch {
			case bad < 0 || i < bad:
				if want := r.local[(i&^1)*page:][:page]; i%2 == 1 && !bytes.Equal(r.local[i*page:][:page], want) {
					t.Fatalf("operation %d: wrong bytes", i)
				}
			case i == bad && s != verbs.StatusTransport, i > bad && s != verbs.StatusFlushed:
				t.Fatalf("operation %d after the cut: %v (%v)", i, s, got)
			}
		}
	}
}

// All of it again and again: a failed connection leaves nothing behind.
func TestManyLives(t *testing.T) {
	r := newRig(t, Config{Threads: 2}, verbs.QPConfig{})
	before := fds(t)
	for i := range 100 {
		qp := r.connect(t, verbs.QPConfig{Depth: 8}, nil)
		wr := r.read(r.local[:page], 0)
		for range i % 9 {
			if err := qp.Post(&wr); err != nil {
				t.Fatal(err)
			}
		}
		if i%3 > 0 {
			qp.Doorbell()
		}
		if i%5 > 2 {
			if err := r.loop.Pass(0); err != nil {
				t.Fatal(err)
			}
		}
		r.end(t, qp)
	}
	eventually(t, "descriptors are closed", func() bool { return fds(t) <= before })
	eventually(t, "connections are gone", func() bool { return r.server.Stats().Connections == 1 })
}

var _ uring.Handler = (*queuePair)(nil)

// TestConnectTakesTheDeadlineGiven has a server that answers after more than the
// handshake's usual time, to a device whose caller has more.
func TestConnectTakesTheDeadlineGiven(t *testing.T) {
	const usual = 50 * time.Millisecond
	r := newRig(t, Config{Threads: 1}, verbs.QPConfig{})
	proxy := proxytest.Start(t, r.server.Address())
	proxy.Hold()
	device, err := Open(Config{HandshakeTimeout: usual})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := device.Close(); err != nil {
			t.Error(err)
		}
	}()
	if _, err := device.Connect(t.Context(), proxy.Addr(), r.cred, verbs.QPConfig{}); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("without a deadline: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	time.AfterFunc(4*usual, proxy.Release)
	conn, err := device.Connect(ctx, proxy.Addr(), r.cred, verbs.QPConfig{})
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
}
