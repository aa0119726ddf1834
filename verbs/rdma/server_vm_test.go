//go:build vm

package rdma

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/farswap/farswap/verbs"
	"github.com/farswap/farswap/verbs/internal/handshake"
)

// TestOldKeysAreRefused takes memory back and tries its key, again and again,
// while the same memory is lent anew.
func TestOldKeysAreRefused(t *testing.T) {
	tries := 1000
	if testing.Short() {
		tries = 100
	}
	r := newRig(t, verbs.QPConfig{})
	page := r.local[:4096]
	dev, cred := r.dev, r.cred
	for i := range tries {
		mem := r.remote[:64<<10]
		// Each refusal costs a connection, of which a session has only so many.
		if i%500 == 499 {
			r.server.Revoke(cred.Session)
			cred = verbs.NewCredential(cred.Session + 1)
			if err := r.server.Admit(cred); err != nil {
				t.Fatal(err)
			}
		}
		conn, err := dev.Connect(context.Background(), r.server.Address(), cred, verbs.QPConfig{})
		if err != nil {
			t.Fatal(i, err)
		}
		qp, err := conn.Attach(r.loop, nil)
		if err != nil {
			t.Fatal(err)
		}
		old, err := r.server.Register(cred.Session, mem)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.do(t, qp, verbs.WR{Op: verbs.OpWrite, Local: page, Key: old.Key}); got[0] != verbs.StatusOK {
			t.Fatal(i, got, qp.Err())
		}
		if err := r.server.Deregister(cred.Session, old.Key); err != nil {
			t.Fatal(err)
		}
		again, err := r.server.Register(cred.Session, mem)
		if err != nil {
			t.Fatal(err)
		}
		if again.Key == old.Key {
			t.Fatal("the same key again")
		}
		op := verbs.Opcode(1 + i%2)
		if got := r.do(t, qp, verbs.WR{Op: op, Local: page, Remote: 4096, Key: old.Key}); got[0] != verbs.StatusRemoteAccess {
			t.Fatalf("try %d: %v with the key of memory that was taken back: %v", i, op, got)
		}
		r.end(t, qp)
		if err := r.server.Deregister(cred.Session, again.Key); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d tries, all refused", tries)
}

func TestRevokeEndsASession(t *testing.T) {
	r := newRig(t, verbs.QPConfig{})
	page := r.local[:4096]
	second := r.connect(t, verbs.QPConfig{}, nil)
	r.server.Revoke(testSession)
	for _, qp := range []verbs.QP{r.qp, second} {
		wr := r.read(page, 0)
		if err := qp.Post(&wr); err == nil {
			qp.Doorbell()
			var c [1]verbs.Completion
			r.wait(t, "the end", func() bool { return qp.Poll(c[:]) > 0 })
			if c[0].Status == verbs.StatusOK {
				t.Error("a revoked session reads")
			}
		}
	}
	if _, err := r.dev.Connect(context.Background(), r.server.Address(), r.cred, verbs.QPConfig{}); !errors.Is(err, verbs.ErrRefused) {
		t.Errorf("connect after revocation: %v", err)
	}
	if st := r.server.Stats(); st.Connections != 0 || st.Regions != 0 {
		t.Errorf("stats %+v", st)
	}
}

func TestPreparedMemory(t *testing.T) {
	r := newRig(t, verbs.QPConfig{})
	mem := offHeap(t, 1<<20)
	for range 3 {
		if err := r.server.Prepare(mem); err != nil {
			t.Fatal(err)
		}
		if err := r.server.Forget(mem); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.server.Prepare(mem); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	grant, err := r.server.Register(testSession, mem)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("registered in %v", time.Since(begun))
	if n := len(r.server.prepared); n != 0 {
		t.Errorf("%d prepared after it was registered", n)
	}
	copy(mem, "prepared")
	if got := r.do(t, r.qp, verbs.WR{Op: verbs.OpRead, Local: r.local[:8], Key: grant.Key}); got[0] != verbs.StatusOK || string(r.local[:8]) != "prepared" {
		t.Errorf("%v, %q", got, r.local[:8])
	}
	if err := r.server.Forget(mem); err != nil {
		t.Error(err)
	}
	if err := r.server.Deregister(testSession, grant.Key); err != nil {
		t.Error(err)
	}
}

func TestReplayedRequestIsRefused(t *testing.T) {
	r := newRig(t, verbs.QPConfig{})
	ses := r.server.sessions[testSession]
	c := format.NewClaim(testSession, verbs.QPConfig{Depth: 1})
	e := event{private: format.Claim(c, noServer, &ses.secret)}
	ses.nonces[c.Nonce] = struct{}{}
	if _, _, verdict, err := r.server.judge(e); !errors.Is(err, verbs.ErrRefused) || verdict != handshake.Refused {
		t.Errorf("verdict %d, %v", verdict, err)
	}
}

// TestNothingIsLeftOpen connects, uses and closes all over again.
func TestNothingIsLeftOpen(t *testing.T) {
	once := func() {
		t.Run("once", func(t *testing.T) {
			r := newRig(t, verbs.QPConfig{Spin: time.Microsecond})
			r.do(t, r.qp, r.read(r.local[:4096], 0))
		})
	}
	once() // what the libraries open once
	before := fds(t)
	for range 5 {
		once()
	}
	if after := fds(t); after > before {
		t.Errorf("%d file descriptors, %d before", after, before)
	}
}

func BenchmarkRead4K(b *testing.B) {
	for _, spin := range []time.Duration{0, time.Millisecond} {
		b.Run("spin "+spin.String(), func(b *testing.B) {
			r := newRig(b, verbs.QPConfig{Spin: spin})
			wr := r.read(r.local[:4096], 0)
			var c [1]verbs.Completion
			b.ReportAllocs()
			for b.Loop() {
				if err := r.qp.Post(&wr); err != nil {
					b.Fatal(err)
				}
				r.qp.Doorbell()
				for r.qp.Poll(c[:]) == 0 {
					if err := r.loop.Pass(time.Second); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}
