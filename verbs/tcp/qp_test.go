package tcp

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/farswap/farswap/verbs"
)

func ok(n int) []verbs.Status { return make([]verbs.Status, n) }

func TestReadSeesWrite(t *testing.T) {
	r := newRig(t, Config{Threads: 1}, verbs.QPConfig{})
	for i := range r.local[:8192] {
		r.local[i] = byte(i * 7)
	}
	// In one batch: the read comes after the write.
	got := r.do(t, r.qp, r.write(r.local[:8192], 100), r.read(r.local[8192:16384], 100))
	if !slices.Equal(got, ok(2)) {
		t.Fatalf("%v: %v", got, r.qp.Err())
	}
	if !bytes.Equal(r.local[:8192], r.local[8192:16384]) || !bytes.Equal(r.local[:8192], r.remote[100:8292]) {
		t.Error("wrong bytes")
	}
	st := r.server.Stats()
	if st.Reads != 1 || st.Writes != 1 || st.ReadBytes != 8192 || st.WriteBytes != 8192 || st.Connections != 1 || st.Regions != 1 || st.Accepted != 1 {
		t.Errorf("%+v", st)
	}
}

func TestLengths(t *testing.T) {
	r := newRig(t, Config{Threads: 1}, verbs.QPConfig{})
	for i := range r.local {
		r.local[i] = byte(i ^ i>>8 ^ i>>16)
	}
	for _, n := range []int{1, 15, 16, 17, 4095, 4096, inboxSize, 65537, verbs.MaxLength} {
		if got := r.do(t, r.qp, r.write(r.local[:n], 3)); got[0] != verbs.StatusOK {
			t.Fatalf("write %d: %v", n, r.qp.Err())
		}
		if !bytes.Equal(r.remote[3:3+n], r.local[:n]) {
			t.Fatalf("write %d: wrong bytes", n)
		}
		clear(r.local[:n])
		if got := r.do(t, r.qp, r.read(r.local[:n], 3)); got[0] != verbs.StatusOK {
			t.Fatalf("read %d: %v", n, r.qp.Err())
		}
		if !bytes.Equal(r.remote[3:3+n], r.local[:n]) {
			t.Fatalf("read %d: wrong bytes", n)
		}
	}
}

func TestPostRefuses(t *testing.T) {
	r := newRig(t, Config{Threads: 1}, verbs.QPConfig{Depth: 3})
	foreign := make([]byte, 64)
	for _, c := range []struct {
		name string
		wr   verbs.WR
		want error
	}{
		{"no length", verbs.WR{Op: verbs.OpRead, Local: r.local[:0]}, verbs.ErrBounds},
		{"nil", verbs.WR{Op: verbs.OpRead}, verbs.ErrBounds},
		{"not registered", verbs.WR{Op: verbs.OpRead, Local: foreign}, verbs.ErrBounds},
		{"too long", verbs.WR{Op: verbs.OpRead, Local: r.remote[:verbs.MaxLength+1]}, verbs.ErrBounds},
		{"no opcode", verbs.WR{Local: r.local[:8]}, verbs.ErrOpcode},
		{"opcode 3", verbs.WR{Op: 3, Local: r.local[:8]}, verbs.ErrOpcode},
	} {
		if err := r.qp.Post(&c.wr); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	if n := r.qp.Outstanding(); n != 0 {
		t.Fatalf("%d outstanding after refusals", n)
	}
	wr := r.read(r.local[:8], 0)
	for range 3 {
		if err := r.qp.Post(&wr); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.qp.Post(&wr); !errors.Is(err, verbs.ErrQueueFull) {
		t.Errorf("fourth of three: %v", err)
	}
	if err := r.qp.Close(); !errors.Is(err, verbs.ErrOutstanding) {
		t.Errorf("close with operations: %v", err)
	}
	if r.qp.State() != verbs.StateReady {
		t.Errorf("state %v", r.qp.State())
	}
}

func TestPostSendsNothing(t *testing.T) {
	r := newRig(t, Config{Threads: 1}, verbs.QPConfig{})
	wr := r.write(r.local[:8], 0)
	if err := r.qp.Post(&wr); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := r.loop.Pass(5 * time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
	if n := r.server.Stats().Writes; n != 0 {
		t.Errorf("%d writes before the doorbell", n)
	}
	r.qp.Doorbell()
	if got := r.collect(t, r.qp, 1); got[0] != verbs.StatusOK {
		t.Error(got)
	}
}

func TestRemoteAccessErrorEndsTheQP(t *testing.T) {
	r := newRig(t, Config{Threads: 1}, verbs.QPConfig{})
	for name, bad := range map[string]verbs.WR{
		"key":      {Op: verbs.OpRead, Local: r.local[:8], Key: r.grant.Key + 1},
		"bounds":   {Op: verbs.OpWrite, Local: r.local[:8], Key: r.grant.Key, Remote: regionSize - 7},
		"overflow": {Op: verbs.OpWrite, Local: r.local[:8], Key: r.grant.Key, Remote: ^uint64(0) - 3},
	} {
		qp := r.connect(t, verbs.QPConfig{}, nil)
		clear(r.remote[:64])
		r.local[100] = 0xaa
		got := r.do(t, qp, r.write(r.local[100:101], 0), bad, r.write(r.local[100:101], 1))
		want := []verbs.Status{verbs.StatusOK, verbs.StatusRemoteAccess, verbs.StatusFlushed}
		if !slices.Equal(got, want) {
			t.Fatalf("%s: %v, want %v", name, got, want)
		}
		if qp.State() != verbs.StateError || !errors.Is(qp.Err(), verbs.ErrRemoteAccess) {
			t.Errorf("%s: %v, %v", name, qp.State(), qp.Err())
		}
		wr := r.read(r.local[:8], 0)
		if err := qp.Post(&wr); !errors.Is(err, verbs.ErrNotReady) {
			t.Errorf("%s: post after the error: %v", name, err)
		}
		if r.remote[0] != 0xaa || r.remote[1] != 0 {
			t.Errorf("%s: memory after a refused operation: % x", name, r.remote[:2])
		}
	}
	eventually(t, "access errors counted", func() bool { return r.server.Stats().AccessErrors == 3 })
}

func TestKeyOfAnotherSession(t *testing.T) {
	r := newRig(t, Config{Threads: 1}, verbs.QPConfig{})
	cred := verbs.NewCredential(testSession + 1)
	if err := r.server.Admit(cred); err != nil {
		t.Fatal(err)
	}
	conn, err := r.dev.Connect(context.Background(), r.server.Address(), cred, verbs.QPConfig{})
	if err != nil {
		t.Fatal(err)
	}
	qp, err := conn.Attach(r.loop, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.end(t, qp)
	if got := r.do(t, qp, r.read(r.local[:8], 0)); got[0] != verbs.StatusRemoteAccess {
		t.Errorf("%v", got)
	}
}

func TestNotifyComesFromPassOnly(t *testing.T) {
	r := newRig(t, Config{Threads: 1}, verbs.QPConfig{})
	inPass, notified := false, 0
	var qp verbs.QP
	qp = r.connect(t, verbs.QPConfig{}, func() {
		if !inPass {
			t.Error("notify outside of a pass")
		}
		var c [8]verbs.Completion
		notified += qp.Poll(c[:])
	})
	pass := func() {
		inPass = true
		if err := r.loop.Pass(10 * time.Millisecond); err != nil {
			t.Fatal(err)
		}
		inPass = false
	}
	wr := r.read(r.local[:8], 0)
	post := func(n int) {
		for range n {
			if err := qp.Post(&wr); err != nil {
				t.Fatal(err)
			}
		}
	}
	post(5)
	qp.Doorbell()
	for notified < 5 {
		pass()
	}
	post(3) // never sent
	qp.Fail(nil)
	qp.Fail(nil)
	for notified < 8 {
		pass()
	}
}

// notify may close the QP that calls it.
func TestCloseInNotify(t *testing.T) {
	r := newRig(t, Config{Threads: 1}, verbs.QPConfig{})
	closed := false
	var qp verbs.QP
	qp = r.connect(t, verbs.QPConfig{}, func() {
		var c [1]verbs.Completion
		if qp.Poll(c[:]) == 1 {
			if err := qp.Close(); err != nil {
				t.Error(err)
			}
			closed = true
		}
	})
	wr := r.read(r.local[:8], 0)
	if err := qp.Post(&wr); err != nil {
		t.Fatal(err)
	}
	qp.Doorbell()
	r.wait(t, "close", func() bool { return closed })
	if qp.State() != verbs.StateClosed || !errors.Is(qp.Err(), verbs.ErrClosed) {
		t.Errorf("%v, %v", qp.State(), qp.Err())
	}
	if err := qp.Post(&wr); !errors.Is(err, verbs.ErrNotReady) {
		t.Error(err)
	}
}

func TestConnLife(t *testing.T) {
	r := newRig(t, Config{Threads: 1}, verbs.QPConfig{})
	before := fds(t)
	conn, err := r.dev.Connect(context.Background(), r.server.Address(), r.cred, verbs.QPConfig{})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.dev.Close(); !errors.Is(err, verbs.ErrBusy) {
		t.Errorf("close a device in use: %v", err)
	}
	for range 2 {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := conn.Attach(r.loop, nil); !errors.Is(err, verbs.ErrNotReady) {
		t.Errorf("attach after close: %v", err)
	}
	eventually(t, "descriptors are closed", func() bool { return fds(t) <= before })
}

func TestConnectRefuses(t *testing.T) {
	r := newRig(t, Config{Threads: 1, MaxConnections: 2}, verbs.QPConfig{})
	before := fds(t)
	wrong, unknown := r.cred, r.cred
	wrong.Secret[31] ^= 1
	unknown.Session++
	ctx := context.Background()
	for _, c := range []struct {
		name string
		cred verbs.Credential
		cfg  verbs.QPConfig
		want error
	}{
		{"wrong secret", wrong, verbs.QPConfig{}, verbs.ErrRefused},
		{"unknown session", unknown, verbs.QPConfig{}, verbs.ErrRefused},
		{"depth too large", r.cred, verbs.QPConfig{Depth: verbs.MaxDepth + 1}, verbs.ErrConfig},
		{"negative depth", r.cred, verbs.QPConfig{Depth: -1}, verbs.ErrConfig},
		{"negative timeout", r.cred, verbs.QPConfig{Timeout: -1}, verbs.ErrConfig},
	} {
		if _, err := r.dev.Connect(ctx, r.server.Address(), c.cred, c.cfg); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	second := r.connect(t, verbs.QPConfig{}, nil)
	if _, err := r.dev.Connect(ctx, r.server.Address(), r.cred, verbs.QPConfig{}); !errors.Is(err, verbs.ErrBusy) {
		t.Errorf("third of two connections: %v", err)
	}
	r.end(t, second)
	if _, err := r.dev.Connect(ctx, "127.0.0.1:1", r.cred, verbs.QPConfig{}); err == nil {
		t.Error("connected to nobody")
	}
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := r.dev.Connect(canceled, r.server.Address(), r.cred, verbs.QPConfig{}); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
	eventually(t, "descriptors are closed", func() bool { return fds(t) <= before })
}

func TestBadConfig(t *testing.T) {
	for _, cfg := range []Config{
		{Threads: -1},
		{Threads: 65},
		{MaxConnections: -1},
		{MaxConnections: 1 << 20},
		{HandshakeTimeout: -1},
		{UserTimeout: 1},
		{SendBuffer: -1},
		{ReceiveBuffer: -1},
	} {
		if _, err := Open(cfg); !errors.Is(err, verbs.ErrConfig) {
			t.Errorf("Open(%+v): %v", cfg, err)
		}
		if _, err := Listen("127.0.0.1:0", cfg); !errors.Is(err, verbs.ErrConfig) {
			t.Errorf("Listen(%+v): %v", cfg, err)
		}
	}
	if _, err := Listen("127.0.0.1:http:", Config{}); err == nil {
		t.Error("bad address taken")
	}
}
