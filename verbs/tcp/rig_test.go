package tcp

import (
	"context"
	"net"
	"os"
	"runtime"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/farswap/farswap/offheap"
	"github.com/farswap/farswap/uring"
	"github.com/farswap/farswap/verbs"
)

func TestMain(m *testing.M) {
	if os.Getenv(echoEnv) != "" {
		l, err := net.FileListener(os.NewFile(3, "listener"))
		if err != nil {
			panic(err)
		}
		echo(l)
		return
	}
	goleak.VerifyTestMain(m)
}

const (
	testSession = verbs.SessionID(7)
	arenaSize   = 1 << 20
	regionSize  = 4 << 20
)

// rig is a server with one region, and a device with one arena, one loop (the
// test's own thread) and one queue pair.
type rig struct {
	server *Server
	cred   verbs.Credential
	remote []byte // the lent memory
	grant  verbs.Grant

	dev   *Device
	loop  *uring.Loop
	local []byte // the registered arena
	qp    verbs.QP

	// For loops that must not allocate: what goes through an interface escapes.
	wr   verbs.WR
	done [verbs.MaxDepth]verbs.Completion
}

func newRig(tb testing.TB, cfg Config, qcfg verbs.QPConfig) *rig {
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
	r.server, err = Listen("127.0.0.1:0", cfg)
	check()
	tb.Cleanup(func() {
		if err := r.server.Close(); err != nil {
			tb.Error(err)
		}
	})
	r.cred = verbs.NewCredential(testSession)
	err = r.server.Admit(r.cred)
	check()
	r.grant, err = r.server.Register(testSession, r.remote)
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

func newDevice(tb testing.TB, cfg Config) (*Device, []byte) {
	tb.Helper()
	dev, err := Open(cfg)
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

// wait makes passes until done, for ten seconds at most.
func (r *rig) wait(tb testing.TB, what string, done func() bool) {
	tb.Helper()
	for deadline := time.Now().Add(10 * time.Second); !done(); {
		if err := r.loop.Pass(10 * time.Millisecond); err != nil {
			tb.Fatal(err)
		}
		if time.Now().After(deadline) {
			tb.Fatalf("%s: not within ten seconds", what)
		}
	}
}

// do posts the operations, rings the doorbell and returns the statuses.
func (r *rig) do(tb testing.TB, qp verbs.QP, wrs ...verbs.WR) []verbs.Status {
	tb.Helper()
	for i := range wrs {
		wrs[i].ID = uint64(i)
		if err := qp.Post(&wrs[i]); err != nil {
			tb.Fatal(err)
		}
	}
	qp.Doorbell()
	return r.collect(tb, qp, len(wrs))
}

// collect waits for n completions, which must come in order.
func (r *rig) collect(tb testing.TB, qp verbs.QP, n int) []verbs.Status {
	tb.Helper()
	var statuses []verbs.Status
	var c [3]verbs.Completion
	r.wait(tb, "completions", func() bool {
		for k := qp.Poll(c[:]); k > 0; k = qp.Poll(c[:]) {
			for i := range k {
				if c[i].ID != uint64(len(statuses)) {
					tb.Fatalf("completion of %d, want %d", c[i].ID, len(statuses))
				}
				statuses = append(statuses, c[i].Status)
			}
		}
		return len(statuses) == n
	})
	return statuses
}

// read and write are work requests on the rig's region.
func (r *rig) read(local []byte, remote uint64) verbs.WR {
	return verbs.WR{Op: verbs.OpRead, Local: local, Remote: remote, Key: r.grant.Key}
}

func (r *rig) write(local []byte, remote uint64) verbs.WR {
	return verbs.WR{Op: verbs.OpWrite, Local: local, Remote: remote, Key: r.grant.Key}
}

func fds(tb testing.TB) int {
	tb.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		tb.Fatal(err)
	}
	return len(list)
}

// eventually waits for what other threads do.
func eventually(tb testing.TB, what string, done func() bool) {
	tb.Helper()
	for deadline := time.Now().Add(10 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			tb.Fatalf("%s: not within ten seconds", what)
		}
	}
}
