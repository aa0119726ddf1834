package faulty_test

import (
	"bytes"
	"context"
	"errors"
	"math/bits"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/farswap/farswap/offheap"
	"github.com/farswap/farswap/uring"
	"github.com/farswap/farswap/verbs"
	"github.com/farswap/farswap/verbs/faulty"
	"github.com/farswap/farswap/verbs/tcp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	page = 4096
	size = 64 * page
)

// rig is a faulty device over TCP, its server and the test's own loop.
type rig struct {
	t             *testing.T
	dev           *faulty.Device
	address       string
	cred          verbs.Credential
	key           verbs.Key
	loop          *uring.Loop
	local, remote []byte
}

func must[T any](v T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func newRig(t *testing.T, plan faulty.Plan) *rig {
	t.Helper()
	r := &rig{t: t}
	r.local = must(offheap.Map(size, offheap.Options{}))(t)
	r.remote = must(offheap.Map(size, offheap.Options{}))(t)
	server := must(tcp.Listen("127.0.0.1:0", tcp.Config{Threads: 1}))(t)
	r.address = server.Address()
	r.cred = verbs.NewCredential(1)
	if err := server.Admit(r.cred); err != nil {
		t.Fatal(err)
	}
	r.key = must(server.Register(1, r.remote))(t).Key
	r.dev = faulty.Wrap(must(tcp.Open(tcp.Config{}))(t), plan)
	region := must(r.dev.Register(r.local))(t)
	runtime.LockOSThread()
	r.loop = must(uring.NewLoop(uring.Config{Entries: 64}))(t)
	t.Cleanup(func() {
		// The device says if a queue pair or a bounce buffer is left.
		err := errors.Join(region.Close(), r.dev.Close(), r.loop.Close(), server.Close(),
			offheap.Unmap(r.local), offheap.Unmap(r.remote))
		if err != nil {
			t.Error(err)
		}
		runtime.UnlockOSThread()
	})
	return r
}

func (r *rig) connect(cfg verbs.QPConfig) verbs.QP {
	r.t.Helper()
	conn := must(r.dev.Connect(context.Background(), r.address, r.cred, cfg))(r.t)
	qp := must(conn.Attach(r.loop, nil))(r.t)
	r.t.Cleanup(func() {
		qp.Fail(nil)
		r.collect(qp, qp.Outstanding())
		if err := qp.Close(); err != nil {
			r.t.Error(err)
		}
	})
	return qp
}

func (r *rig) wait(done func() bool) {
	r.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !done(); {
		if err := r.loop.Pass(5 * time.Millisecond); err != nil {
			r.t.Fatal(err)
		}
		if time.Now().After(deadline) {
			r.t.Fatal("not within ten seconds")
		}
	}
}

func (r *rig) post(qp verbs.QP, op verbs.Opcode, n int) {
	r.t.Helper()
	for i := range n {
		at := i % (size / page) * page
		wr := verbs.WR{ID: uint64(i), Op: op, Local: r.local[at : at+page], Remote: uint64(at), Key: r.key}
		if err := qp.Post(&wr); err != nil {
			r.t.Fatal(err)
		}
	}
	qp.Doorbell()
}

func (r *rig) collect(qp verbs.QP, n int) []verbs.Status {
	r.t.Helper()
	var statuses []verbs.Status
	var c [4]verbs.Completion
	r.wait(func() bool {
		qp.Tick(r.loop.Now())
		for _, c := range c[:qp.Poll(c[:])] {
			statuses = append(statuses, c.Status)
		}
		return len(statuses) == n
	})
	return statuses
}

func flushedAfter(first verbs.Status, n int) []verbs.Status {
	return append([]verbs.Status{first}, slices.Repeat([]verbs.Status{verbs.StatusFlushed}, n-1)...)
}

// differing counts the bits in which a and b differ.
func differing(a, b []byte) int {
	n := 0
	for i := range a {
		n += bits.OnesCount8(a[i] ^ b[i])
	}
	return n
}

func TestWithoutFaultsItIsTheDevice(t *testing.T) {
	r := newRig(t, faulty.Plan{})
	if r.dev.Name() != "tcp" {
		t.Error(r.dev.Name())
	}
	qp := r.connect(verbs.QPConfig{})
	for i := range r.local {
		r.local[i] = byte(i / 7)
	}
	r.post(qp, verbs.OpWrite, 32)
	if got := r.collect(qp, 32); !slices.Equal(got, make([]verbs.Status, 32)) {
		t.Error(got)
	}
	if !bytes.Equal(r.local[:32*page], r.remote[:32*page]) {
		t.Error("wrong bytes")
	}
	for _, c := range []struct {
		wr   verbs.WR
		want error
	}{
		{verbs.WR{Op: verbs.OpRead}, verbs.ErrBounds},
		{verbs.WR{Op: 9, Local: r.local[:8]}, verbs.ErrOpcode},
	} {
		if err := qp.Post(&c.wr); !errors.Is(err, c.want) {
			t.Errorf("%v, want %v", err, c.want)
		}
	}
	if got := r.dev.Counts(); got != (faulty.Counts{}) {
		t.Errorf("%+v", got)
	}
}

func TestDrop(t *testing.T) {
	r := newRig(t, faulty.Plan{Drop: 1})
	qp := r.connect(verbs.QPConfig{Timeout: 30 * time.Millisecond, Depth: 32})
	for i := range r.local {
		r.local[i] = 1
	}
	r.post(qp, verbs.OpWrite, 32)
	wr := verbs.WR{Op: verbs.OpRead, Local: r.local[:8], Key: r.key}
	if err := qp.Post(&wr); !errors.Is(err, verbs.ErrQueueFull) {
		t.Errorf("one more than the depth: %v", err)
	}
	if got := r.collect(qp, 32); !slices.Equal(got, flushedAfter(verbs.StatusTimeout, 32)) {
		t.Error(got)
	}
	if !errors.Is(qp.Err(), verbs.ErrTimeout) || qp.State() != verbs.StateError {
		t.Error(qp.State(), qp.Err())
	}
	if n := bytes.Count(r.remote, []byte{1}) / page; n == 0 || n == 32 {
		t.Errorf("%d of 32 dropped writes were carried out", n)
	}
	if got := r.dev.Counts().Dropped; got != 32 {
		t.Errorf("%d dropped", got)
	}
}

// What is behind a dropped operation waits for it, though it was done.
func TestDropHoldsUpTheRest(t *testing.T) {
	r := newRig(t, faulty.Plan{Drop: 1})
	qp := r.connect(verbs.QPConfig{Timeout: 50 * time.Millisecond})
	r.post(qp, verbs.OpRead, 1)
	r.dev.SetPlan(faulty.Plan{})
	r.post(qp, verbs.OpRead, 5)
	if got := r.collect(qp, 6); !slices.Equal(got, flushedAfter(verbs.StatusTimeout, 6)) {
		t.Error(got)
	}
}

func TestDelay(t *testing.T) {
	r := newRig(t, faulty.Plan{Delay: 1, DelayMax: 20 * time.Millisecond})
	qp := r.connect(verbs.QPConfig{})
	r.post(qp, verbs.OpRead, 10)
	if got := r.collect(qp, 10); !slices.Equal(got, make([]verbs.Status, 10)) {
		t.Error(got)
	}
	if got := r.dev.Counts().Delayed; got != 10 {
		t.Errorf("%d delayed", got)
	}
	r.post(qp, verbs.OpRead, 10) // ended while delayed
}

func TestFail(t *testing.T) {
	r := newRig(t, faulty.Plan{})
	qp := r.connect(verbs.QPConfig{})
	r.post(qp, verbs.OpRead, 3)
	r.dev.SetPlan(faulty.Plan{Fail: 1})
	r.post(qp, verbs.OpRead, 3)
	want := append(make([]verbs.Status, 3), flushedAfter(verbs.StatusTransport, 3)...)
	if got := r.collect(qp, 6); !slices.Equal(got, want) {
		t.Error(got)
	}
	if !errors.Is(qp.Err(), faulty.ErrInjected) {
		t.Error(qp.Err())
	}
	first := r.connect(verbs.QPConfig{})
	r.post(first, verbs.OpWrite, 2)
	if got := r.collect(first, 2); !slices.Equal(got, flushedAfter(verbs.StatusTransport, 2)) {
		t.Error(got)
	}
}

func TestCorrupt(t *testing.T) {
	r := newRig(t, faulty.Plan{Corrupt: 1})
	qp := r.connect(verbs.QPConfig{})
	r.post(qp, verbs.OpWrite, 1)
	if got := r.collect(qp, 1); got[0] != verbs.StatusOK {
		t.Fatal(got)
	}
	if n := differing(r.remote, make([]byte, size)); n != 1 {
		t.Errorf("%d bits of the server's memory differ", n)
	}
	if n := differing(r.local, make([]byte, size)); n != 0 {
		t.Errorf("%d bits of the caller's buffer differ", n)
	}
	clear(r.remote)
	r.post(qp, verbs.OpRead, 1)
	if got := r.collect(qp, 1); got[0] != verbs.StatusOK {
		t.Fatal(got)
	}
	if n := differing(r.local, r.remote); n != 1 {
		t.Errorf("%d bits of what was read differ", n)
	}
}

func TestKillAndHeal(t *testing.T) {
	r := newRig(t, faulty.Plan{})
	idle, busy := r.connect(verbs.QPConfig{}), r.connect(verbs.QPConfig{})
	early := must(r.dev.Connect(context.Background(), r.address, r.cred, verbs.QPConfig{}))(t)
	var killer sync.WaitGroup
	killer.Go(func() {
		time.Sleep(5 * time.Millisecond)
		r.dev.Kill("10.0.0.1:9400") // somebody else
		r.dev.Kill(r.address)
	})
	var all []verbs.Status
	for busy.State() == verbs.StateReady {
		r.post(busy, verbs.OpRead, 4)
		all = append(all, r.collect(busy, 4)...)
	}
	killer.Wait()
	r.wait(func() bool { return idle.State() == verbs.StateError })
	for i, s := range all {
		if s != verbs.StatusOK && (i < len(all)-4 || s != verbs.StatusTransport && s != verbs.StatusFlushed) {
			t.Errorf("operation %d of %d: %v", i, len(all), s)
		}
	}
	if _, err := early.Attach(r.loop, nil); !errors.Is(err, faulty.ErrInjected) {
		t.Errorf("attach to a killed server: %v", err)
	}
	if _, err := r.dev.Connect(context.Background(), r.address, r.cred, verbs.QPConfig{}); !errors.Is(err, faulty.ErrInjected) {
		t.Errorf("connect to a killed server: %v", err)
	}
	if got := r.dev.Counts().Killed; got != 2 {
		t.Errorf("%d killed", got)
	}
	r.dev.Heal(r.address)
	qp := r.connect(verbs.QPConfig{})
	r.post(qp, verbs.OpRead, 1)
	if got := r.collect(qp, 1); got[0] != verbs.StatusOK {
		t.Error(got)
	}
}

func TestSameSeedSameFates(t *testing.T) {
	fates := func(seed uint64) []verbs.Status {
		r := newRig(t, faulty.Plan{Seed: seed, Fail: 0.05, Corrupt: 0.3})
		qp := r.connect(verbs.QPConfig{})
		r.post(qp, verbs.OpWrite, 60)
		return r.collect(qp, 60)
	}
	a, b, c := fates(3), fates(3), fates(4)
	if !slices.Equal(a, b) {
		t.Errorf("same seed:\n%v\n%v", a, b)
	}
	if slices.Equal(a, c) {
		t.Error("another seed, same fates")
	}
}

// Everything at once: each operation completes once, in order, an error flushes
// what is behind it, and nothing is left over.
func TestMixtureKeepsTheContract(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := newRig(t, faulty.Plan{Seed: seed, Drop: 0.005, Delay: 0.2, Fail: 0.005, Corrupt: 0.1, DelayMax: time.Millisecond})
	rnd := rand.New(rand.NewPCG(seed, 1))
	for range 30 {
		qp := r.connect(verbs.QPConfig{Depth: 16, Timeout: 20 * time.Millisecond})
		var next, polled uint64
		failed := false
		var c [5]verbs.Completion
		for round := 0; round < 40 || qp.Outstanding() > 0; round++ {
			for range rnd.IntN(8) {
				at := rnd.IntN(size - page)
				wr := verbs.WR{ID: next, Op: verbs.Opcode(1 + rnd.IntN(2)), Local: r.local[at : at+page], Key: r.key}
				if round < 40 && qp.Post(&wr) == nil {
					next++
				}
			}
			qp.Doorbell()
			qp.Tick(r.loop.Now())
			if err := r.loop.Pass(time.Millisecond); err != nil {
				t.Fatal(err)
			}
			for _, c := range c[:qp.Poll(c[:])] {
				if c.ID != polled {
					t.Fatalf("completion of %d, want %d", c.ID, polled)
				}
				polled++
				if failed && c.Status != verbs.StatusFlushed {
					t.Fatalf("%v after the failure", c.Status)
				}
				failed = failed || c.Status != verbs.StatusOK
			}
		}
		if polled != next || failed != (qp.State() == verbs.StateError) {
			t.Fatalf("%d of %d completed, failed %v, %v", polled, next, failed, qp.State())
		}
	}
}
