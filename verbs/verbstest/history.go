// Package verbstest tests implementations of package verbs against a model.
package verbstest

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/farswap/farswap/uring"
	"github.com/farswap/farswap/verbs"
)

// History runs random operations over several queue pairs and compares their effect
// with a byte array. It does not post operations together whose order the contract
// leaves open: one that overlaps a write of another queue pair, and a write that
// overlaps a read.
type History struct {
	Loop   *uring.Loop // of the calling thread
	QPs    []verbs.QP  // attached to it
	Local  []byte      // registered memory
	Remote []byte      // the lent memory, as the server has it
	Key    verbs.Key
	Most   int // bytes of the largest operation
	Ops    int // operations to run
}

// patience bounds a history.
const patience = time.Minute

// Run runs the history from a seed that it logs, until nothing is outstanding.
func (c History) Run(t *testing.T) {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	h := &history{
		History: c, t: t, rnd: rand.New(rand.NewPCG(seed, 1)),
		model: bytes.Clone(c.Remote), fly: make([][]flight, len(c.QPs)), deadline: time.Now().Add(patience),
	}
	for i := 0; i+c.Most <= len(c.Local); i += c.Most {
		h.free = append(h.free, c.Local[i:i+c.Most])
	}
	for h.ended < c.Ops {
		for range h.rnd.IntN(20) {
			h.post()
		}
		h.pass()
	}
	for i := range h.QPs {
		for h.QPs[i].Outstanding() > 0 {
			h.pass()
		}
	}
	if !bytes.Equal(h.model, c.Remote) {
		t.Error("lent memory differs from the model")
	}
}

// flight is one operation under way in a history.
type flight struct {
	op       verbs.Opcode
	from, to int // bytes of the region
	local    []byte
	want     []byte // what a read must bring
}

func (f *flight) meets(from, to int) bool { return f.from < to && from < f.to }

type history struct {
	History
	t        *testing.T
	rnd      *rand.Rand
	fly      [][]flight // by queue pair, in posting order
	free     [][]byte   // pieces of the local memory
	model    []byte
	ended    int
	deadline time.Time
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
	qp := h.rnd.IntN(len(h.QPs))
	if len(h.free) == 0 {
		return
	}
	n := 1 + h.rnd.IntN(h.Most)
	if h.rnd.IntN(2) == 0 {
		n = 1 + h.rnd.IntN(min(h.Most, 4096))
	}
	from := h.rnd.IntN(len(h.model) - n)
	op := verbs.Opcode(1 + h.rnd.IntN(2))
	if !h.allowed(qp, op, from, from+n) {
		return
	}
	local := h.free[len(h.free)-1]
	f := flight{op: op, from: from, to: from + n, local: local}
	wr := verbs.WR{ID: uint64(from), Op: op, Local: local[:n], Remote: uint64(from), Key: h.Key}
	if op == verbs.OpWrite {
		for i := range local[:n] {
			local[i] = byte(h.rnd.Uint32())
		}
	}
	if err := h.QPs[qp].Post(&wr); err != nil {
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
		h.QPs[qp].Doorbell()
	}
}

func (h *history) poll(qp int) {
	c := make([]verbs.Completion, 1+h.rnd.IntN(8))
	for _, c := range c[:h.QPs[qp].Poll(c)] {
		f := h.fly[qp][0]
		h.fly[qp] = h.fly[qp][1:]
		if c.Status != verbs.StatusOK || c.Op != f.op || c.ID != uint64(f.from) {
			h.t.Fatalf("completion %+v of %v at %d: %v", c, f.op, f.from, h.QPs[qp].Err())
		}
		if f.op == verbs.OpRead && !bytes.Equal(f.local[:f.to-f.from], f.want) {
			h.t.Fatalf("read of bytes %d to %d brought wrong bytes", f.from, f.to)
		}
		h.free = append(h.free, f.local)
		h.ended++
	}
}

func (h *history) pass() {
	for _, qp := range h.QPs {
		qp.Doorbell()
		qp.Tick(h.Loop.Now())
	}
	if err := h.Loop.Pass(10 * time.Millisecond); err != nil {
		h.t.Fatal(err)
	}
	for i := range h.QPs {
		h.poll(i)
	}
	if time.Now().After(h.deadline) {
		h.t.Fatalf("%d of %d operations in %v", h.ended, h.Ops, patience)
	}
}
