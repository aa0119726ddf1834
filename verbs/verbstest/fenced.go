package verbstest

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/farswap/farswap/uring"
	"github.com/farswap/farswap/verbs"
)

// Fenced runs random operations over one place whose connections fail again and again, and
// compares their effect with a byte array. It keeps to the contract: after a failure it
// touches nothing before it has a later connection of the place, and then repeats the
// WRITEs whose outcome it does not know.
type Fenced struct {
	Loop *uring.Loop // of the calling thread
	// Connect makes a connection with that generation, attached to Loop. It may fail; a
	// higher generation is tried then.
	Connect func(generation uint64) (verbs.QP, error)
	Local   []byte // registered memory, at least as large as Remote
	Remote  []byte // the lent memory, as the server has it
	Key     verbs.Key
	Size    int // bytes of each operation
	Ops     int // operations that must succeed
	// Round is called between passes, to make faults; nil for none.
	Round func()
}

// piece is a part of the memory, and what is known of it.
type piece struct {
	local, remote, model []byte
	at                   int
	op                   verbs.Opcode
	posted               bool
	again                bool // a WRITE of unknown outcome
}

type fenced struct {
	Fenced
	t          *testing.T
	rnd        *rand.Rand
	pieces     []piece
	qp         verbs.QP
	generation uint64
	ended      int
	failures   int
	deadline   time.Time
}

// Run runs the history from a seed that it logs.
func (c Fenced) Run(t *testing.T) {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	h := &fenced{Fenced: c, t: t, rnd: rand.New(rand.NewPCG(seed, 2)), deadline: time.Now().Add(patience)}
	for at := 0; at+c.Size <= len(c.Remote); at += c.Size {
		h.pieces = append(h.pieces, piece{
			local: c.Local[at : at+c.Size], remote: c.Remote[at : at+c.Size],
			model: bytes.Clone(c.Remote[at : at+c.Size]), at: at,
		})
	}
	defer func() {
		t.Logf("seed %d: %d operations, %d connections, %d failures", seed, h.ended, h.generation, h.failures)
	}()
	h.connect()
	for h.ended < c.Ops {
		for range h.rnd.IntN(8) {
			h.post(&h.pieces[h.rnd.IntN(len(h.pieces))])
		}
		h.pass()
	}
	for h.qp.Outstanding() > 0 || h.qp.State() != verbs.StateReady {
		h.pass()
	}
	h.qp.Fail(nil)
	if err := h.qp.Close(); err != nil {
		t.Error(err)
	}
	for i := range h.pieces {
		if p := &h.pieces[i]; !bytes.Equal(p.remote, p.model) {
			t.Fatalf("bytes from %d: an old write has overwritten a later one", p.at)
		}
	}
}

func (h *fenced) connect() {
	for {
		h.generation++
		qp, err := h.Connect(h.generation)
		if err == nil {
			h.qp = qp
			return
		}
		if time.Now().After(h.deadline) {
			h.t.Fatalf("no connection: %v", err)
		}
	}
}

// post tries one operation on a piece of which all is known.
func (h *fenced) post(p *piece) {
	if p.posted || p.again {
		return
	}
	p.op = verbs.Opcode(1 + h.rnd.IntN(2))
	if p.op == verbs.OpWrite {
		for i := range p.local {
			p.local[i] = byte(h.rnd.Uint32())
		}
	}
	h.send(p)
}

func (h *fenced) send(p *piece) {
	wr := verbs.WR{ID: uint64(p.at / h.Size), Op: p.op, Local: p.local, Remote: uint64(p.at), Key: h.Key}
	p.posted = h.qp.Post(&wr) == nil
}

func (h *fenced) pass() {
	if h.Round != nil {
		h.Round()
	}
	h.qp.Doorbell()
	h.qp.Tick(h.Loop.Now())
	if err := h.Loop.Pass(time.Millisecond); err != nil {
		h.t.Fatal(err)
	}
	var done [8]verbs.Completion
	for _, c := range done[:h.qp.Poll(done[:])] {
		h.take(&h.pieces[c.ID], c.Status == verbs.StatusOK)
	}
	if h.qp.State() == verbs.StateError && h.qp.Outstanding() == 0 {
		h.recover()
	}
	if time.Now().After(h.deadline) {
		h.t.Fatalf("%d of %d operations in %v", h.ended, h.Ops, patience)
	}
}

func (h *fenced) take(p *piece, done bool) {
	p.posted = false
	switch {
	case p.op == verbs.OpWrite && done:
		copy(p.model, p.local)
		p.again = false
	case p.op == verbs.OpWrite:
		p.again = true
	case done && !bytes.Equal(p.local, p.model):
		h.t.Fatalf("read of %d bytes from %d brought wrong bytes", h.Size, p.at)
	}
	if done {
		h.ended++
	}
}

// recover replaces a failed connection, and repeats what has an unknown outcome.
func (h *fenced) recover() {
	h.failures++
	if err := h.qp.Close(); err != nil {
		h.t.Fatal(err)
	}
	h.connect()
	for i := range h.pieces {
		if p := &h.pieces[i]; p.again {
			h.send(p)
		}
	}
}
