package swapdev

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/farswap/farswap/swapdev/lenders"
	"github.com/farswap/farswap/uring"
	"github.com/farswap/farswap/verbs"
)

// gate is a device whose donors can be stalled: what they answer stays outside until they
// go on, and no deadline ends it.
type gate struct {
	verbs.Device
	mu   sync.Mutex // guards the maps, which are by address
	shut map[string]bool
	slow map[string]time.Duration
}

// newGatedRig has a gate between the engine and its donors.
func newGatedRig(t testing.TB, o rigOptions) (*rig, *gate) {
	t.Helper()
	g := &gate{shut: make(map[string]bool), slow: make(map[string]time.Duration)}
	o.wrap = func(d verbs.Device) verbs.Device {
		g.Device = d
		return g
	}
	return newRig(t, o), g
}

// stall stops or starts what comes from a donor's data address.
func (g *gate) stall(address string, shut bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut[address] = shut
}

// drip lets one completion of each connection to a data address pass in every so long. 0 ends
// that.
func (g *gate) drip(address string, every time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.slow[address] = every
}

func (g *gate) at(address string) (shut bool, every time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.shut[address], g.slow[address]
}

func (g *gate) Connect(ctx context.Context, address string, cred verbs.Credential, cfg verbs.QPConfig) (verbs.Conn, error) {
	conn, err := g.Device.Connect(ctx, address, cred, cfg)
	if err != nil {
		return nil, err
	}
	return &gatedConn{conn, g, address}, nil
}

type gatedConn struct {
	verbs.Conn
	gate    *gate
	address string
}

func (c *gatedConn) Attach(loop *uring.Loop, notify func()) (verbs.QP, error) {
	qp, err := c.Conn.Attach(loop, notify)
	if err != nil {
		return nil, err
	}
	return &gatedQP{QP: qp, gate: c.gate, address: c.address}, nil
}

type gatedQP struct {
	verbs.QP
	gate    *gate
	address string
	passed  time.Time // when the last completion passed that was let through alone
}

// Poll says nothing while the donor is stalled, unless the connection has failed.
func (q *gatedQP) Poll(c []verbs.Completion) int {
	shut, every := q.gate.at(q.address)
	switch {
	case q.State() != verbs.StateReady:
		return q.QP.Poll(c)
	case shut, every > 0 && time.Since(q.passed) < every:
		return 0
	case every > 0:
		n := q.QP.Poll(c[:1])
		if n > 0 {
			q.passed = time.Now()
		}
		return n
	}
	return q.QP.Poll(c)
}

// dataAddress is where the donor's pages are.
func (r *rig) dataAddress(donor uint16) string {
	s, ok := r.engine.donors.Get(donor).Up()
	if !ok {
		r.t.Fatalf("donor %d is not up", donor)
	}
	return s.DataAddress(lenders.TransportTCP)
}

// handmade is above all generations of the connections that the device makes itself.
const handmade = 1 << 32

// dial connects a queue to a donor, in the session that is there. generation counts the
// connections that the test makes for a queue and a donor.
func (r *rig) dial(queue int, donor uint16, generation uint64) (verbs.Conn, error) {
	s, ok := r.engine.donors.Get(donor).Up()
	if !ok {
		return nil, lenders.ErrNoDonor
	}
	device, err := r.engine.transports[0].Use(nil)
	if err != nil {
		return nil, err
	}
	w := s.Welcome()
	cred := verbs.Credential{Session: verbs.SessionID(w.Session), Secret: w.Secret}
	return device.Connect(r.t.Context(), s.DataAddress(lenders.TransportTCP), cred, verbs.QPConfig{
		Depth: r.engine.qpDepth(), Timeout: r.cfg.OpTimeout, Place: uint32(queue) + 1, Generation: handmade + generation,
	})
}

// relink gives a queue another connection to a donor, about whose failure only lost hears.
func (r *rig) relink(queue int, donor uint16, generation uint64, lost chan<- error) error {
	conn, err := r.dial(queue, donor, ownGenerations+generation)
	if err != nil {
		return err
	}
	if err := r.engine.queues[queue].Attach(donor, conn, lost); err != nil {
		return errors.Join(err, conn.Close())
	}
	return nil
}

// ownGenerations are above all that the device's own connections have.
const ownGenerations = 1 << 32

// mustRelink is relink for a test that goes no further without.
func (r *rig) mustRelink(queue int, donor uint16, generation uint64) chan error {
	r.t.Helper()
	lost := make(chan error, 1)
	if err := r.relink(queue, donor, generation, lost); err != nil {
		r.t.Fatal(err)
	}
	return lost
}
