//go:build vm

package rdma

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/farswap/farswap/verbs"
	"github.com/farswap/farswap/verbs/faulty"
	"github.com/farswap/farswap/verbs/verbstest"
)

// at is the configuration of a connection with a place.
func at(place uint32, generation uint64) verbs.QPConfig {
	return verbs.QPConfig{Depth: 16, Place: place, Generation: generation}
}

func TestGenerations(t *testing.T) {
	r := newRig(t, verbs.QPConfig{})
	connect := func(cfg verbs.QPConfig) error {
		c, err := r.dev.Connect(context.Background(), r.server.Address(), r.cred, cfg)
		if err == nil {
			err = c.Close()
		}
		return err
	}
	second := r.connect(t, at(1, 5), nil)
	for i, c := range []struct {
		cfg  verbs.QPConfig
		want error
	}{
		{at(1, 5), verbs.ErrFenced},
		{at(1, 4), verbs.ErrFenced},
		{at(2, 1), nil},
		{at(2, 1), verbs.ErrFenced},
		{at(2, 1<<63), nil},
		{at(0, 0), nil},
		{at(0, 1), verbs.ErrConfig},
		{at(3, 0), verbs.ErrConfig},
	} {
		if err := connect(c.cfg); !errors.Is(err, c.want) {
			t.Errorf("%d: %v, want %v", i, err, c.want)
		}
	}
	for _, qp := range []verbs.QP{r.qp, second} { // nobody has claimed their places
		if got := r.do(t, qp, r.read(r.local[:8], 0)); got[0] != verbs.StatusOK {
			t.Error(got, qp.Err())
		}
	}
	third := r.connect(t, at(1, 6), nil)
	r.wait(t, "the end of the earlier one", func() bool { return second.State() == verbs.StateError })
	if got := r.do(t, third, r.read(r.local[:8], 0)); got[0] != verbs.StatusOK {
		t.Error(got, third.Err())
	}
}

// Memory is filled anew as soon as a later connection is accepted, while the earlier one is
// in the middle of many operations.
func TestFenceUnderLoad(t *testing.T) {
	const size = 64 << 10
	r := newRig(t, verbs.QPConfig{})
	lent := r.remote[:16*size]
	for i := range r.local {
		r.local[i] = 0x11
	}
	qp := r.connect(t, at(7, 1), nil)
	for generation := uint64(2); generation < 40; generation++ {
		for i := range 16 {
			wr := r.write(r.local[:size], uint64(i*size))
			if err := qp.Post(&wr); err != nil {
				t.Fatal(err)
			}
		}
		qp.Doorbell()
		next := r.connect(t, at(7, generation), nil)
		for i := range lent {
			lent[i] = 0x99
		}
		r.end(t, qp)
		if i := bytes.IndexByte(lent, 0x11); i >= 0 {
			t.Fatalf("generation %d: byte %d was written by an earlier connection", generation, i)
		}
		qp = next
	}
}

// A session connects far more often than it can have connections.
func TestEndedConnectionsFreeTheirSlots(t *testing.T) {
	r := newRig(t, verbs.QPConfig{})
	connects := maxSlots + 76
	if testing.Short() {
		// As if all but a few slots were taken.
		connects = 100
		r.server.mu.Lock()
		r.server.sessions[testSession].slots += maxSlots - 10
		r.server.mu.Unlock()
	}
	for i := range connects {
		cfg := at(1, uint64(i+1))
		if i%2 == 0 {
			cfg = verbs.QPConfig{}
		}
		conn, err := r.dev.Connect(context.Background(), r.server.Address(), r.cred, cfg)
		if err != nil {
			t.Fatal(i, err)
		}
		closeIt(t, conn)
		// The server hears of the end by a message.
		r.wait(t, "the end", func() bool { return r.server.Stats().Connections <= 2 })
	}
	r.wait(t, "the end", func() bool { return r.server.Stats().Connections == 1 })
}

// The same as over TCP: connections stall, fail and are carried out late.
func TestFencedHistory(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	r := newRig(t, verbs.QPConfig{})
	dev := faulty.Wrap(r.dev, faulty.Plan{
		Seed: seed, Drop: 0.01, Fail: 0.01, Delay: 0.05, DelayMax: time.Millisecond,
		Late: 0.7, LateMax: 3 * time.Millisecond, Stall: 0.01, StallMax: 30 * time.Millisecond,
	})
	rnd := rand.New(rand.NewPCG(seed, 3))
	address := r.server.Address()
	verbstest.Fenced{
		Loop: r.loop, Local: r.local, Remote: r.remote[:64*4096], Key: r.grant.Key, Size: 4096, Ops: 1000,
		Connect: func(generation uint64) (verbs.QP, error) {
			conn, err := dev.Connect(context.Background(), address, r.cred, verbs.QPConfig{
				Depth: 16, Timeout: 100 * time.Millisecond, Place: 1, Generation: generation,
			})
			if err != nil {
				return nil, err
			}
			return conn.Attach(r.loop, nil)
		},
		Round: func() {
			if rnd.IntN(300) == 0 {
				dev.Stall(address)
				time.AfterFunc(time.Duration(rnd.IntN(40))*time.Millisecond, func() { dev.Release(address) })
			}
		},
	}.Run(t)
	if c := dev.Counts(); c.Late == 0 || c.Stalled == 0 {
		t.Errorf("%+v", c)
	}
	closeWrapper(t, dev)
}

// closeWrapper ends what the wrapper has left behind. The device itself stays open, because
// the rig uses it.
func closeWrapper(t *testing.T, dev *faulty.Device) {
	t.Helper()
	if err := dev.Close(); !errors.Is(err, verbs.ErrBusy) {
		t.Error(err)
	}
}
