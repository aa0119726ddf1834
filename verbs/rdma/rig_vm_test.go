//go:build vm

package rdma

import (
	"context"
	"flag"
	"os"
	"runtime"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/farswap/farswap/offheap"
	"github.com/farswap/farswap/uring"
	"github.com/farswap/farswap/verbs"
)

// serve is where the servers of these tests listen: an address of a network
// interface that has a soft-RoCE link or is an RDMA adapter's.
var serve = flag.String("rdma.address", "10.98.0.1:0", "`HOST:PORT` that an RDMA device serves")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

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
}

func newRig(tb testing.TB, qcfg verbs.QPConfig) *rig {
	tb.Helper()
	r := &rig{remote: offHeap(tb, regionSize), cred: verbs.NewCredential(testSession)}
	var err error
	check := func() {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
	}
	r.server, err = Listen(*serve, DefaultConfig())
	check()
	tb.Cleanup(func() { closeIt(tb, r.server) })
	err = r.server.Admit(r.cred)
	check()
	r.grant, err = r.server.Register(testSession, r.remote)
	check()
	r.dev, err = Open(DefaultConfig())
	check()
	tb.Cleanup(func() { closeIt(tb, r.dev) })
	r.local = offHeap(tb, arenaSize)
	region, err := r.dev.Register(r.local)
	check()
	tb.Cleanup(func() { closeIt(tb, region) })
	r.loop = newLoop(tb)
	r.qp = r.connect(tb, qcfg, nil)
	return r
}

func closeIt(tb testing.TB, c interface{ Close() error }) {
	tb.Helper()
	if err := c.Close(); err != nil {
		tb.Error(err)
	}
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

func newLoop(tb testing.TB) *uring.Loop {
	tb.Helper()
	runtime.LockOSThread()
	loop, err := uring.NewLoop(uring.Config{Entries: 256, CQEntries: 1024})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		closeIt(tb, loop)
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
	r.wait(tb, "the end of all operations", func() bool {
		for qp.Poll(done[:]) > 0 {
		}
		return qp.Outstanding() == 0
	})
	closeIt(tb, qp)
}

// wait makes passes until done, for twenty seconds at most.
func (r *rig) wait(tb testing.TB, what string, done func() bool) {
	tb.Helper()
	for deadline := time.Now().Add(20 * time.Second); !done(); {
		if err := r.loop.Pass(10 * time.Millisecond); err != nil {
			tb.Fatal(err)
		}
		if time.Now().After(deadline) {
			tb.Fatalf("%s: not within twenty seconds", what)
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
		return len(statuses) == len(wrs)
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
