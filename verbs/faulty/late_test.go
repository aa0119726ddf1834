package faulty_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/farswap/farswap/verbs"
	"github.com/farswap/farswap/verbs/faulty"
	"github.com/farswap/farswap/verbs/verbstest"
)

// fillLocal makes what the next writes carry.
func (r *rig) fillLocal(b byte) {
	for i := range r.local {
		r.local[i] = b
	}
}

// eventually waits for what other threads do.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within ten seconds", what)
		}
	}
}

// A write that failed is carried out when a later connection of its place is made, and not
// after that.
func TestLateUntilTheFence(t *testing.T) {
	r := newRig(t, faulty.Plan{Fail: 1, Late: 1, LateMax: time.Hour})
	first := r.connect(verbs.QPConfig{Place: 1, Generation: 1})
	r.fillLocal(1)
	r.post(first, verbs.OpWrite, 5)
	if got := r.collect(first, 5); !slices.Equal(got, flushedAfter(verbs.StatusTransport, 5)) {
		t.Fatal(got)
	}
	r.fillLocal(2) // the buffers are ours again
	r.dev.SetPlan(faulty.Plan{})
	other := r.connect(verbs.QPConfig{Place: 2, Generation: 1})
	r.post(other, verbs.OpRead, 1)
	r.collect(other, 1)
	if bytes.IndexByte(r.remote, 1) >= 0 {
		t.Fatal("carried out early")
	}
	second := r.connect(verbs.QPConfig{Place: 1, Generation: 2})
	if n := bytes.Count(r.remote, []byte{1}); n != 5*page {
		t.Errorf("%d bytes of 5 pages were written", n)
	}
	if got := r.dev.Counts().Late; got != 5 {
		t.Errorf("%d late", got)
	}
	r.fillLocal(2)
	r.post(second, verbs.OpWrite, 5)
	if got := r.collect(second, 5); !slices.Equal(got, make([]verbs.Status, 5)) {
		t.Error(got)
	}
}

// Without a place nothing ends a late write but time.
func TestLateWithoutAPlace(t *testing.T) {
	r := newRig(t, faulty.Plan{Fail: 1, Late: 1, LateMax: 5 * time.Millisecond})
	first := r.connect(verbs.QPConfig{})
	r.fillLocal(1)
	r.post(first, verbs.OpWrite, 5)
	r.collect(first, 5)
	r.connect(verbs.QPConfig{})
	eventually(t, "the late writes", func() bool { return r.dev.Counts().Late == 5 })
	if n := bytes.Count(r.remote, []byte{1}); n != 5*page {
		t.Errorf("%d bytes of 5 pages were written", n)
	}
}

// What fails when a later connection has been asked for is not carried out any more.
func TestNothingIsLateAfterTheFence(t *testing.T) {
	r := newRig(t, faulty.Plan{Drop: 1, Late: 1})
	first := r.connect(verbs.QPConfig{Place: 1, Generation: 1, Timeout: time.Minute})
	r.fillLocal(1)
	r.post(first, verbs.OpWrite, 20)
	r.connect(verbs.QPConfig{Place: 1, Generation: 2})
	clear(r.remote)
	first.Fail(nil)
	r.collect(first, 20)
	r.connect(verbs.QPConfig{Place: 1, Generation: 3}) // what is left would come now
	if bytes.IndexByte(r.remote, 1) >= 0 || r.dev.Counts().Late > 0 {
		t.Error("carried out after the fence")
	}
}

func TestStallAndRelease(t *testing.T) {
	r := newRig(t, faulty.Plan{})
	qp := r.connect(verbs.QPConfig{Timeout: time.Minute})
	r.fillLocal(1)
	r.dev.Stall("10.0.0.1:9400") // somebody else
	r.post(qp, verbs.OpWrite, 1)
	r.collect(qp, 1)
	r.dev.Stall(r.address)
	r.post(qp, verbs.OpWrite, 10)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := r.dev.Connect(ctx, r.address, r.cred, verbs.QPConfig{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("connect in a stall: %v", err)
	}
	for range 5 {
		if err := r.loop.Pass(time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
	if n := bytes.Count(r.remote, []byte{1}); n != page || qp.Poll(make([]verbs.Completion, 1)) != 0 {
		t.Fatalf("%d bytes went through", n)
	}
	r.dev.Release(r.address)
	if got := r.collect(qp, 10); !slices.Equal(got, make([]verbs.Status, 10)) {
		t.Error(got)
	}
	if n := bytes.Count(r.remote, []byte{1}); n != 10*page {
		t.Errorf("%d bytes of 10 pages were written", n)
	}
	if got := r.dev.Counts().Stalled; got != 10 {
		t.Errorf("%d stalled", got)
	}
}

// What a stall holds back when the queue pair fails arrives when the stall ends.
func TestHeldWritesOfAFailedQueuePairAreLate(t *testing.T) {
	r := newRig(t, faulty.Plan{})
	qp := r.connect(verbs.QPConfig{Place: 1, Generation: 1})
	r.dev.Stall(r.address)
	r.fillLocal(1)
	r.post(qp, verbs.OpWrite, 3)
	qp.Fail(nil)
	if got := r.collect(qp, 3); !slices.Equal(got, flushedAfter(verbs.StatusFlushed, 3)) {
		t.Fatal(got)
	}
	if bytes.IndexByte(r.remote, 1) >= 0 {
		t.Fatal("carried out in the stall")
	}
	r.dev.Release(r.address)
	eventually(t, "the late writes", func() bool { return r.dev.Counts().Late == 3 })
}

func TestStallByPlan(t *testing.T) {
	r := newRig(t, faulty.Plan{Stall: 0.5, StallMax: 5 * time.Millisecond})
	qp := r.connect(verbs.QPConfig{Timeout: time.Minute})
	for range 10 {
		r.post(qp, verbs.OpWrite, 10)
		if got := r.collect(qp, 10); !slices.Equal(got, make([]verbs.Status, 10)) {
			t.Fatal(got)
		}
	}
	if r.dev.Counts().Stalled == 0 {
		t.Error("nothing was stalled")
	}
}

// Connections stall, fail and are carried out late, and who keeps to the contract never
// loses a write.
func TestFencedHistory(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	plan := faulty.Plan{
		Seed: seed, Drop: 0.01, Fail: 0.01, Delay: 0.05, DelayMax: time.Millisecond,
		Late: 0.7, LateMax: 3 * time.Millisecond, Stall: 0.01, StallMax: 30 * time.Millisecond,
	}
	r := newRig(t, plan)
	rnd := rand.New(rand.NewPCG(seed, 3))
	verbstest.Fenced{
		Loop: r.loop, Local: r.local, Remote: r.remote, Key: r.key, Size: page, Ops: 3000,
		Connect: func(generation uint64) (verbs.QP, error) {
			conn, err := r.dev.Connect(context.Background(), r.address, r.cred, verbs.QPConfig{
				Depth: 16, Timeout: 20 * time.Millisecond, Place: 1, Generation: generation,
			})
			if err != nil {
				return nil, err
			}
			return conn.Attach(r.loop, nil)
		},
		Round: func() {
			if rnd.IntN(300) == 0 {
				r.dev.Stall(r.address)
				time.AfterFunc(time.Duration(rnd.IntN(40))*time.Millisecond, func() { r.dev.Release(r.address) })
			}
		},
	}.Run(t)
	if c := r.dev.Counts(); c.Late == 0 || c.Stalled == 0 {
		t.Errorf("%+v", c)
	}
}
