package tcp

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/farswap/farswap/verbs"
)

// An owner that waits for its completions first loses nothing but the key.
func TestDeregisterSparesIdleConnections(t *testing.T) {
	r := newRig(t, Config{Threads: 3}, verbs.QPConfig{})
	for i := range 200 {
		g, err := r.server.Register(testSession, r.remote[:page])
		if err != nil {
			t.Fatal(err)
		}
		wr := r.read(r.local[:page], 0)
		if i%2 == 0 {
			wr.Op = verbs.OpWrite
		}
		wr.Key = g.Key
		if got := r.do(t, r.qp, wr); got[0] != verbs.StatusOK {
			t.Fatalf("round %d: %v: %v", i, got, r.qp.Err())
		}
		if err := r.server.Deregister(testSession, g.Key); err != nil {
			t.Fatal(err)
		}
	}
	if got := r.do(t, r.qp, r.read(r.local[:page], 0)); got[0] != verbs.StatusOK {
		t.Errorf("with a key that lives: %v: %v", got, r.qp.Err())
	}
}

// load keeps operations with the key going on the queue pairs until each has
// failed. Bytes read must never be forbidden.
func (r *rig) load(t *testing.T, qps []verbs.QP, key verbs.Key, forbidden byte) {
	t.Helper()
	for i := range r.local {
		r.local[i] = 0x11
	}
	var c [64]verbs.Completion
	r.wait(t, "refusal", func() bool {
		failed := 0
		for i, qp := range qps {
			for qp.State() == verbs.StateReady && qp.Outstanding() < 16 {
				n := qp.Outstanding()
				wr := verbs.WR{Op: verbs.Opcode(1 + n%2), Key: key, Remote: uint64(n * page)}
				wr.Local = r.local[(16*i+n)*page:][:page]
				if err := qp.Post(&wr); err != nil {
					t.Fatal(err)
				}
			}
			qp.Doorbell()
			qp.Poll(c[:])
			if qp.State() == verbs.StateError && qp.Outstanding() == 0 {
				failed++
			}
		}
		return failed == len(qps)
	})
	if bytes.IndexByte(r.local, forbidden) >= 0 {
		t.Fatal("a read brought what was written after Deregister")
	}
}

// Whatever devices do meanwhile: after Deregister the memory is the donor's.
func TestDeregisterUnderLoad(t *testing.T) {
	const rounds, tries = 20, 50 // a thousand tries with an old key
	for _, threads := range []int{1, 3} {
		t.Run("", func(t *testing.T) {
			r := newRig(t, Config{Threads: threads}, verbs.QPConfig{})
			lent := r.remote[:64*page]
			for range rounds {
				clear(lent)
				g, err := r.server.Register(testSession, lent)
				if err != nil {
					t.Fatal(err)
				}
				qps := []verbs.QP{r.connect(t, verbs.QPConfig{}, nil), r.connect(t, verbs.QPConfig{}, nil), r.connect(t, verbs.QPConfig{}, nil)}
				var owner sync.WaitGroup
				owner.Go(func() {
					time.Sleep(2 * time.Millisecond)
					if err := r.server.Deregister(testSession, g.Key); err != nil {
						t.Error(err)
					}
					for i := range lent {
						lent[i] = 0x99 // reused
					}
				})
				r.load(t, qps, g.Key, 0x99)
				owner.Wait()
				for _, qp := range qps {
					r.end(t, qp)
				}
				for i := range tries {
					qp := r.connect(t, verbs.QPConfig{Depth: 1}, nil)
					wr := verbs.WR{Op: verbs.Opcode(1 + i%2), Local: r.local[:page], Key: g.Key}
					if got := r.do(t, qp, wr); got[0] != verbs.StatusRemoteAccess {
						t.Fatalf("old key, try %d: %v: %v", i, got, qp.Err())
					}
					r.end(t, qp)
				}
				for i, b := range lent {
					if b != 0x99 {
						t.Fatalf("byte %d was written after Deregister", i)
					}
				}
			}
		})
	}
}

// A peer that stops in the middle of an operation cannot hold on to memory.
func TestDeregisterEndsStalledOperations(t *testing.T) {
	var mu sync.Mutex
	var ended []error
	cfg := Config{Threads: 1, SendBuffer: 16 << 10, ReceiveBuffer: 16 << 10, Events: Events{
		Ended: func(_ string, _ verbs.SessionID, err error) {
			mu.Lock()
			defer mu.Unlock()
			ended = append(ended, err)
		},
	}}
	r := newRig(t, cfg, verbs.QPConfig{})
	mem := r.remote[:verbs.MaxLength]
	for _, op := range []verbs.Opcode{verbs.OpRead, verbs.OpWrite} {
		g, err := r.server.Register(testSession, mem)
		if err != nil {
			t.Fatal(err)
		}
		c := r.dialRaw(t)
		if err := introduce(c, r.cred, verbs.QPConfig{Depth: 4}); err != nil {
			t.Fatal(err)
		}
		request := marshalBatch(5, opHeader{op: op, key: g.Key, length: verbs.MaxLength})
		if op == verbs.OpWrite {
			request = request[:len(request)/2]
		}
		if _, err := c.Write(request); err != nil {
			t.Fatal(err)
		}
		if op == verbs.OpRead {
			if _, err := io.ReadFull(c, make([]byte, replySize+1)); err != nil {
				t.Fatal(err)
			}
		}
		r.works(t, "beside a stalled operation")
		if err := r.server.Deregister(testSession, g.Key); err != nil {
			t.Fatal(err)
		}
		clear(mem)
		_, _ = c.Write(bytes.Repeat([]byte{7}, 100_000))
		ends(t, c)
		if bytes.IndexByte(mem, 5) >= 0 || bytes.IndexByte(mem, 7) >= 0 {
			t.Errorf("%v: memory was written after Deregister", op)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	ofKey := 0
	for _, err := range ended {
		if errors.Is(err, verbs.ErrNoKey) {
			ofKey++
		}
	}
	if ofKey != 2 {
		t.Errorf("%d connections ended for the key, want 2: %v", ofKey, ended)
	}
}

// A peer that asks and does not read is ended by TCP_USER_TIMEOUT, and until
// then costs the others nothing.
func TestPeerThatStopsReading(t *testing.T) {
	cfg := Config{Threads: 1, SendBuffer: 64 << 10, ReceiveBuffer: 64 << 10, UserTimeout: 500 * time.Millisecond}
	r := newRig(t, cfg, verbs.QPConfig{})
	const stalled = 4
	for range stalled {
		c := r.dialRaw(t)
		if err := introduce(c, r.cred, verbs.QPConfig{Depth: 256}); err != nil {
			t.Fatal(err)
		}
		if err := c.SetWriteDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		// Far more than its depth: the server stops taking it in.
		for seq := uint64(0); ; seq += 16 {
			var ops [16]opHeader
			for i := range ops {
				ops[i] = opHeader{op: verbs.OpRead, key: r.grant.Key, length: verbs.MaxLength, seq: seq + uint64(i)}
			}
			if _, err := c.Write(marshalBatch(0, ops[:]...)); err != nil {
				break
			}
		}
	}
	if n := r.server.Stats().Connections; n != 1+stalled {
		t.Fatalf("%d connections", n)
	}
	keepBusy(t, r, verbs.OpRead, 16, 2000)
	keepBusy(t, r, verbs.OpWrite, 16, 2000)
	eventually(t, "the stalled ones are gone", func() bool { return r.server.Stats().Connections == 1 })
	keepBusy(t, r, verbs.OpRead, 16, 100)
}
