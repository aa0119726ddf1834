package tcp

import (
	"context"
	"testing"

	"github.com/farswap/farswap/internal/allocs"
	"github.com/farswap/farswap/verbs"
)

// Both sides run in this process, so that the count covers both.
func TestNoAllocationPerOperation(t *testing.T) {
	for _, c := range []struct {
		op    verbs.Opcode
		depth int
	}{
		{verbs.OpRead, 1},
		{verbs.OpWrite, 1},
		{verbs.OpRead, 64},
		{verbs.OpWrite, 64},
	} {
		t.Run("", func(t *testing.T) {
			r := newRig(t, Config{Threads: 2}, verbs.QPConfig{Depth: c.depth})
			keepBusy(t, r, c.op, c.depth, 1000)
			if n := allocs.PerRun(20, func() { keepBusy(t, r, c.op, c.depth, 500) }); n != 0 {
				t.Errorf("%v at depth %d: %v allocations in 500 operations", c.op, c.depth, n)
			}
		})
	}
}

// Connections are attached when memory may be short, on a thread that others wait for.
func TestAttachAllocatesNothing(t *testing.T) {
	r := newRig(t, Config{Threads: 1}, verbs.QPConfig{})
	const connections = 50
	conns := make([]verbs.Conn, 0, connections+1)
	for range cap(conns) {
		conn, err := r.dev.Connect(context.Background(), r.server.Address(), r.cred, verbs.QPConfig{})
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, conn)
	}
	qps := make([]verbs.QP, 0, len(conns))
	notify := func() {}
	n := allocs.PerRun(connections, func() {
		qp, err := conns[len(qps)].Attach(r.loop, notify)
		if err != nil {
			t.Error(err)
			return
		}
		qps = append(qps, qp)
	})
	if n != 0 {
		t.Errorf("%d allocations", n)
	}
	for _, qp := range qps {
		if got := r.do(t, qp, r.read(r.local[:page], 0)); got[0] != verbs.StatusOK {
			t.Fatal(got, qp.Err())
		}
		r.end(t, qp)
	}
}
