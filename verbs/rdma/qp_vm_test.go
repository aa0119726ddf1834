//go:build vm

package rdma

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/farswap/farswap/internal/allocs"
	"github.com/farswap/farswap/verbs"
	"github.com/farswap/farswap/verbs/verbstest"
)

func TestReadAndWrite(t *testing.T) {
	for _, spin := range []time.Duration{0, time.Millisecond} {
		t.Run(fmt.Sprint("spin ", spin), func(t *testing.T) {
			r := newRig(t, verbs.QPConfig{Spin: spin})
			for _, size := range []int{1, 8, 4095, 4096, 4097, arenaSize / 2} {
				out, in := r.local[:size], r.local[arenaSize/2:][:size]
				for i := range out {
					out[i] = byte(i*7 + size)
				}
				clear(in)
				if got := r.do(t, r.qp, r.write(out, 100), r.read(in, 100)); !slices.Equal(got, []verbs.Status{verbs.StatusOK, verbs.StatusOK}) {
					t.Fatalf("%d bytes: %v, %v", size, got, r.qp.Err())
				}
				if !bytes.Equal(in, out) || !bytes.Equal(r.remote[100:100+size], out) {
					t.Errorf("%d bytes came back otherwise", size)
				}
			}
		})
	}
}

func TestRandomHistories(t *testing.T) {
	for _, c := range []struct {
		qps, depth, most, ops int
		spin                  time.Duration
	}{
		{qps: 1, depth: 1, most: 8192, ops: 500},
		{qps: 3, depth: 5, most: 20000, ops: 2000, spin: 200 * time.Microsecond},
		{qps: 4, depth: 256, most: 4096, ops: 4000},
		{qps: 3, depth: 64, most: 60000, ops: 1000, spin: 50 * time.Microsecond},
	} {
		t.Run(fmt.Sprintf("qps=%d depth=%d spin=%v", c.qps, c.depth, c.spin), func(t *testing.T) {
			r := newRig(t, verbs.QPConfig{})
			var qps []verbs.QP
			for range c.qps {
				qps = append(qps, r.connect(t, verbs.QPConfig{Depth: c.depth, Timeout: time.Minute, Spin: c.spin}, nil))
			}
			verbstest.History{
				Loop: r.loop, QPs: qps, Local: r.local, Remote: r.remote[:256<<10], Key: r.grant.Key, Most: c.most, Ops: c.ops,
			}.Run(t)
		})
	}
}

func TestRefusedAccessEndsTheQueuePair(t *testing.T) {
	r := newRig(t, verbs.QPConfig{})
	page := r.local[:4096]
	other := r.grant.Key ^ 1<<40 // another address
	for name, wr := range map[string]verbs.WR{
		"beyond the end":   r.read(page, regionSize-4095),
		"far away":         r.write(page, 1<<40),
		"before the start": r.write(page, 1<<64-4096),
		"wrong address":    {Op: verbs.OpRead, Local: page, Key: other},
		"wrong key":        {Op: verbs.OpRead, Local: page, Key: r.grant.Key ^ 0xff00},
	} {
		qp := r.connect(t, verbs.QPConfig{}, nil)
		got := r.do(t, qp, r.read(page, 0), wr, r.read(page, 0))
		if !slices.Equal(got, []verbs.Status{verbs.StatusOK, verbs.StatusRemoteAccess, verbs.StatusFlushed}) {
			t.Errorf("%s: %v, %v", name, got, qp.Err())
		}
		if qp.State() != verbs.StateError || !errors.Is(qp.Err(), verbs.ErrRemoteAccess) {
			t.Errorf("%s: state %v, %v", name, qp.State(), qp.Err())
		}
		if err := qp.Post(&wr); !errors.Is(err, verbs.ErrNotReady) {
			t.Errorf("%s: post after: %v", name, err)
		}
	}
	if got := r.do(t, r.qp, r.read(page, 0)); got[0] != verbs.StatusOK {
		t.Errorf("another queue pair suffered: %v", got)
	}
}

func TestPostRefuses(t *testing.T) {
	r := newRig(t, verbs.QPConfig{Depth: 4})
	for _, c := range []struct {
		name string
		wr   verbs.WR
		want error
	}{
		{"nothing", r.read(nil, 0), verbs.ErrBounds},
		{"too much", r.read(make([]byte, verbs.MaxLength+1), 0), verbs.ErrBounds},
		{"not registered", r.read(make([]byte, 8), 0), verbs.ErrBounds},
		{"opcode", verbs.WR{Op: 9, Local: r.local[:8]}, verbs.ErrOpcode},
	} {
		if err := r.qp.Post(&c.wr); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	wr := r.read(r.local[:8], 0)
	for range 4 {
		if err := r.qp.Post(&wr); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.qp.Post(&wr); !errors.Is(err, verbs.ErrQueueFull) {
		t.Errorf("a fifth of four: %v", err)
	}
	if err := r.qp.Close(); !errors.Is(err, verbs.ErrOutstanding) {
		t.Errorf("close: %v", err)
	}
}

// TestFailFlushes fails queue pairs with operations in every stage.
func TestFailFlushes(t *testing.T) {
	r := newRig(t, verbs.QPConfig{})
	for _, ring := range []bool{false, true} {
		told := 0
		qp := r.connect(t, verbs.QPConfig{}, func() { told++ })
		wr := r.read(r.local[:4096], 0)
		for range 10 {
			if err := qp.Post(&wr); err != nil {
				t.Fatal(err)
			}
		}
		if ring {
			qp.Doorbell()
		}
		qp.Fail(nil)
		if told != 0 {
			t.Error("notify was called from inside a method")
		}
		n := 0
		var c [verbs.MaxDepth]verbs.Completion
		r.wait(t, "flushes", func() bool {
			k := qp.Poll(c[:])
			for _, c := range c[:k] {
				if c.Status != verbs.StatusFlushed {
					t.Errorf("status %v", c.Status)
				}
			}
			n += k
			return n == 10
		})
		if told == 0 || !errors.Is(qp.Err(), verbs.ErrFailed) {
			t.Errorf("told %d times, %v", told, qp.Err())
		}
	}
}

func TestConnectRefuses(t *testing.T) {
	r := newRig(t, verbs.QPConfig{})
	ctx := context.Background()
	wrong, unknown := r.cred, r.cred
	wrong.Secret[3] ^= 1
	unknown.Session = 99
	for name, cred := range map[string]verbs.Credential{"wrong secret": wrong, "unknown session": unknown} {
		if _, err := r.dev.Connect(ctx, r.server.Address(), cred, verbs.QPConfig{}); !errors.Is(err, verbs.ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, c := range map[string]struct {
		address string
		cfg     verbs.QPConfig
		want    error
	}{
		"depth":          {r.server.Address(), verbs.QPConfig{Depth: verbs.MaxDepth + 1}, verbs.ErrConfig},
		"no port":        {"10.98.0.1", verbs.QPConfig{}, verbs.ErrConfig},
		"no RDMA device": {"127.0.0.1:7", verbs.QPConfig{}, verbs.ErrUnavailable},
	} {
		if _, err := r.dev.Connect(ctx, c.address, r.cred, c.cfg); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		} else {
			t.Logf("%s: %v", name, err)
		}
	}
	if st := r.server.Stats(); st.Rejected != 2 || st.Accepted != 1 || st.Connections != 1 {
		t.Errorf("stats %+v", st)
	}
	if _, err := r.dev.Connect(ctx, "10.98.0.1:1", r.cred, verbs.QPConfig{}); err == nil {
		t.Error("connected to nobody")
	} else {
		t.Log(err)
	}
}

// TestSlowOperationTimesOut looks at the clock long before a large read can be
// done.
func TestSlowOperationTimesOut(t *testing.T) {
	r := newRig(t, verbs.QPConfig{})
	qp := r.connect(t, verbs.QPConfig{Timeout: time.Second}, nil)
	wr := r.read(r.local, 0)
	for range 8 {
		if err := qp.Post(&wr); err != nil {
			t.Fatal(err)
		}
	}
	qp.Tick(r.loop.Now() + int64(time.Hour))
	if qp.State() != verbs.StateReady {
		t.Fatalf("operations that were not sent have timed out: %v", qp.Err())
	}
	qp.Doorbell()
	qp.Tick(r.loop.Now() + int64(time.Second/2))
	if qp.State() != verbs.StateReady {
		t.Fatalf("timed out early: %v", qp.Err())
	}
	for try := 2; try < 100 && qp.State() == verbs.StateReady; try++ {
		qp.Tick(r.loop.Now() + int64(try)*int64(time.Second/2)) // something may have been done just then
	}
	if !errors.Is(qp.Err(), verbs.ErrTimeout) {
		t.Fatalf("no timeout: %v", qp.Err())
	}
	var c [8]verbs.Completion
	n := 0
	r.wait(t, "the flushes", func() bool { n += qp.Poll(c[n:]); return n == len(c) })
	slow := slices.IndexFunc(c[:], func(c verbs.Completion) bool { return c.Status != verbs.StatusOK })
	if slow < 0 || c[slow].Status != verbs.StatusTimeout {
		t.Fatalf("the oldest of those that were not done did not time out: %v", c)
	}
	for _, c := range c[slow+1:] {
		if c.Status != verbs.StatusFlushed {
			t.Errorf("a later one ended with %v", c.Status)
		}
	}
}

// Connections are attached when memory may be short, on a thread that others wait for.
func TestAttachAllocatesNothing(t *testing.T) {
	r := newRig(t, verbs.QPConfig{})
	r.end(t, r.qp) // the first that is attached brings the loop's poller
	const each = 4
	least := uint64(math.MaxUint64)
	// The connection manager of the server is at work in this process, too: the best of a
	// few rounds is without it.
	for round := 0; round < 8 && least > 0; round++ {
		var conns []verbs.Conn
		for range 2 * each { // PerRun runs twice
			conn, err := r.dev.Connect(context.Background(), r.server.Address(), r.cred, verbs.QPConfig{})
			if err != nil {
				t.Fatal(err)
			}
			conns = append(conns, conn)
		}
		r.wait(t, "the server to have them", func() bool { return r.server.Stats().Connections == int64(len(conns)) })
		qps := make([]verbs.QP, 0, len(conns))
		notify := func() {}
		least = min(least, allocs.PerRun(1, func() {
			for range each {
				qp, err := conns[len(qps)].Attach(r.loop, notify)
				if err != nil {
					t.Error(err)
					return
				}
				qps = append(qps, qp)
			}
		}))
		for _, qp := range qps {
			if got := r.do(t, qp, r.read(r.local[:8], 0)); got[0] != verbs.StatusOK {
				t.Fatal(got, qp.Err())
			}
			r.end(t, qp)
		}
		r.wait(t, "the end of the connections", func() bool { return r.server.Stats().Connections == 0 })
	}
	if least > 0 {
		t.Errorf("%d allocations for %d connections at best", least, each)
	}
}

// TestPassAllocatesNothing watches the whole way of an operation.
func TestPassAllocatesNothing(t *testing.T) {
	for _, spin := range []time.Duration{0, time.Millisecond} {
		r := newRig(t, verbs.QPConfig{Spin: spin})
		wrs := []verbs.WR{r.write(r.local[:4096], 0), r.read(r.local[4096:8192], 0)}
		var c [4]verbs.Completion
		if n := allocs.PerRun(200, func() {
			for i := range wrs {
				if err := r.qp.Post(&wrs[i]); err != nil {
					t.Fatal(err)
				}
			}
			r.qp.Doorbell()
			for done := 0; done < len(wrs); done += r.qp.Poll(c[:]) {
				if err := r.loop.Pass(time.Second); err != nil {
					t.Fatal(err)
				}
			}
		}); n != 0 {
			t.Errorf("spin %v: %v allocations for two operations", spin, n)
		}
	}
}
