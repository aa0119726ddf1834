package tcp

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"farswap/verbs"
)

// flight is one operation under way in a history.
type flight struct {
	op       verbs.Opcode
	from, to int // bytes of the region
	local    []byte
	want     []byte // what a read must bring
}

func (f *flight) meets(from, to int) bool { return f.from < to && from < f.to }

// history runs random operations over several queue pairs and compares with a
// byte array. Operations whose order the contract leaves open are not posted
// together: anything overlapping a write of another queue pair, and a write
// overlapping a read.
type history struct {
	t     *testing.T
	r     *rig
	rnd   *rand.Rand
	qps   []verbs.QP
	fly   [][]flight // by queue pair, in posting order
	free  [][]byte   // pieces of the arena
	model []byte
	most  int // bytes of an operation
	ended int
}

func (h *history) allowed(qp int, op verbs.Opcode, from, to int) bool {
	for i := range h.fly {
		for j := range h.fly[i] {
			f := &h.fly[i][j]
			if !f.meets(from, to) || f.op == verbs.OpRead && op == verbs.OpRead {
				continue
			}
			if i != qp || f.op == verbs.OpRead {
				return false
			}
		}
	}
	return true
}

// post tries one operation.
func (h *history) post() {
	qp := h.rnd.IntN(len(h.qps))
	if len(h.free) == 0 {
		return
	}
	n := 1 + h.rnd.IntN(h.most)
	if h.rnd.IntN(2) == 0 {
		n = 1 + h.rnd.IntN(min(h.most, 4096))
	}
	from := h.rnd.IntN(len(h.model) - n)
	op := verbs.Opcode(1 + h.rnd.IntN(2))
	if !h.allowed(qp, op, from, from+n) {
		return
	}
	local := h.free[len(h.free)-1]
	f := flight{op: op, from: from, to: from + n, local: local}
	wr := verbs.WR{ID: uint64(from), Op: op, Local: local[:n], Remote: uint64(from), Key: h.r.grant.Key}
	if op == verbs.OpWrite {
		for i := range local[:n] {
			local[i] = byte(h.rnd.Uint32())
		}
	}
	if err := h.qps[qp].Post(&wr); err != nil {
		return // full
	}
	h.free = h.free[:len(h.free)-1]
	if op == verbs.OpWrite {
		copy(h.model[from:], local[:n])
	} else {
		f.want = bytes.Clone(h.model[from : from+n])
	}
	h.fly[qp] = append(h.fly[qp], f)
	if h.rnd.IntN(3) == 0 {
		h.qps[qp].Doorbell()
	}
}

func (h *history) poll(qp int) {
	c := make([]verbs.Completion, 1+h.rnd.IntN(8))
	for _, c := range c[:h.qps[qp].Poll(c)] {
		f := h.fly[qp][0]
		h.fly[qp] = h.fly[qp][1:]
		if c.Status != verbs.StatusOK || c.Op != f.op || c.ID != uint64(f.from) {
			h.t.Fatalf("completion %+v of %v at %d: %v", c, f.op, f.from, h.qps[qp].Err())
		}
		if f.op == verbs.OpRead && !bytes.Equal(f.local[:f.to-f.from], f.want) {
			h.t.Fatalf("read of bytes %d to %d brought wrong bytes", f.from, f.to)
		}
		h.free = append(h.free, f.local)
		h.ended++
	}
}

func (h *history) run(n int) {
	deadline := time.Now().Add(60 * time.Second)
	for h.ended < n {
		for range h.rnd.IntN(20) {
			h.post()
		}
		for _, qp := range h.qps {
			qp.Doorbell()
			qp.Tick(h.r.loop.Now())
		}
		if err := h.r.loop.Pass(10 * time.Millisecond); err != nil {
			h.t.Fatal(err)
		}
		for i := range h.qps {
			h.poll(i)
		}
		if time.Now().After(deadline) {
			h.t.Fatalf("%d of %d operations in a minute", h.ended, n)
		}
	}
}

func TestRandomHistories(t *testing.T) {
	for _, c := range []struct {
		threads, qps, depth, most, ops int
		cfg                            Config
	}{
		{threads: 1, qps: 1, depth: 1, most: 8192, ops: 2000},
		{threads: 1, qps: 3, depth: 5, most: 20000, ops: 5000},
		{threads: 3, qps: 4, depth: 256, most: 4096, ops: 10000},
		{threads: 3, qps: 3, depth: 64, most: 60000, ops: 2000, cfg: Config{SendBuffer: 4096, ReceiveBuffer: 128 << 10}},
		{threads: 1, qps: 2, depth: 16, most: 60000, ops: 2000, cfg: Config{SendBuffer: 4096}},
	} {
		name := fmt.Sprintf("threads=%d qps=%d depth=%d buffers=%d,%d", c.threads, c.qps, c.depth, c.cfg.SendBuffer, c.cfg.ReceiveBuffer)
		t.Run(name, func(t *testing.T) {
			cfg := c.cfg
			cfg.Threads = c.threads
			r := newRig(t, cfg, verbs.QPConfig{})
			seed := uint64(time.Now().UnixNano())
			t.Logf("seed %d", seed)
			h := &history{
				t: t, r: r, rnd: rand.New(rand.NewPCG(seed, 1)), most: c.most,
				model: bytes.Clone(r.remote[:256<<10]), fly: make([][]flight, c.qps),
			}
			for i := 0; i+c.most <= len(r.local); i += c.most {
				h.free = append(h.free, r.local[i:i+c.most])
			}
			for range c.qps {
				h.qps = append(h.qps, r.connect(t, verbs.QPConfig{Depth: c.depth, Timeout: time.Minute}, nil))
			}
			h.run(c.ops)
			for i := range h.qps {
				for h.qps[i].Outstanding() > 0 {
					h.qps[i].Doorbell()
					if err := r.loop.Pass(10 * time.Millisecond); err != nil {
						t.Fatal(err)
					}
					h.poll(i)
				}
			}
			if !bytes.Equal(h.model, r.remote[:len(h.model)]) {
				t.Error("lent memory differs from the model")
			}
		})
	}
}
