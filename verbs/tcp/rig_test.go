package tcp_test

import (
	"context"
	"runtime"
	"testing"
	"time"

	"go.uber.org/goleak"

	"farswap/internal/offheap"
	"farswap/uring"
	"farswap/verbs"
	"farswap/verbs/tcp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	session    = verbs.SessionID(7)
	arenaSize  = 1 << 20
	regionSize = 4 << 20
)

// rig is a server with one region, and a device with one arena, one loop (the
// test's own thread) and one queue pair.
type rig struct {
	server *tcp.Server
	cred   verbs.Credential
	remote []byte // the lent memory
	grant  verbs.Grant

	dev   *tcp.Device
	loop  *uring.Loop
	local []byte // the registered arena
	qp    verbs.QP
}

func newRig(tb testing.TB, cfg tcp.Config, qcfg verbs.QPConfig) *rig {
	tb.Helper()
	r := &rig{}
	var err error
	check := func() {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
	}
	r.remote = offHeap(tb, regionSize)
	r.server, err = tcp.Listen("127.0.0.1:0", cfg)
	check()
	tb.Cleanup(func() {
		if err := r.server.Close(); err != nil {
			tb.Error(err)
		}
	})
	r.cred, err = r.server.Admit(session)
	check()
	r.grant, err = r.server.Register(session, r.remote)
	check()
	r.dev, r.local = newDevice(tb, cfg)
	r.loop = newLoop(tb)
	r.qp = r.connect(tb, qcfg, nil)
	return r
}

// offHeap maps memory until the server and the device are closed: cleanups run
// last in, first out.
func offHeap(tb testing.TB, size int) []byte {
	tb.Helper()
	mem, err := offheap.Map(size, offheap.Options{Populate: true})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := offheap.Unmap(mem); err != nil {
			tb.Error(err)
		}
	})
	return mem
}

func newDevice(tb testing.TB, cfg tcp.Config) (*tcp.Device, []byte) {
	tb.Helper()
	dev, err := tcp.Open(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	mem := offHeap(tb, arenaSize)
	region, err := dev.Register(mem)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := region.Close(); err != nil {
			tb.Error(err)
		}
		if err := dev.Close(); err != nil {
			tb.Error(err)
		}
	})
	return dev, mem
}

func newLoop(tb testing.TB) *uring.Loop {
	tb.Helper()
	runtime.LockOSThread()
	loop, err := uring.NewLoop(uring.Config{Entries: 256, CQEntries: 1024})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := loop.Close(); err != nil {
			tb.Error(err)
		}
		runtime.UnlockOSThread()
	})
	return loop
}

// connect makes a queue pair on the rig's loop, closed at the test's end.
func (r *rig) connect(tb testing.TB, cfg verbs.QPConfig, notify func()) verbs.QP {
	tb.Helper()
	conn, err := r.dev.Connect(context.Background(), r.server.Address(), r.cred, cfg)
	if err != nil {
		tb.Fatal(err)
	}
	qp, err := conn.Attach(r.loop, notify)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { r.end(tb, qp) })
	return qp
}

// end fails and closes a queue pair.
func (r *rig) end(tb testing.TB, qp verbs.QP) {
	tb.Helper()
	qp.Fail(nil)
	var done [verbs.MaxDepth]verbs.Completion
	for deadline := time.Now().Add(10 * time.Second); qp.Outstanding() > 0; {
		qp.Poll(done[:])
		if err := r.loop.Pass(10 * time.Millisecond); err != nil {
			tb.Error(err)
			return
		}
		if time.Now().After(deadline) {
			tb.Errorf("%d operations never complete", qp.Outstanding())
			return
		}
	}
	if err := qp.Close(); err != nil {
		tb.Error(err)
	}
}
