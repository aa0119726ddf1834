//go:build vm

package rdma

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/farswap/farswap/verbs"
)

// TestSessionsAreIsolated makes one session try to reach another's memory over its own
// connections. All regions of a server are in one protection domain, so sessions are kept
// apart by keys that others do not know. The intruder of this test knows all that can be
// learnt or inferred without the key: the victim's remote key, which adapters give out in
// order, its own key, and how large the region is. It guesses the rest. The guarantee is: a
// guess is right with a probability of 2^-32, a wrong one is refused and ends its
// connection, and a session has 1,024 slots, of which nearly each of those uses up one.
func TestSessionsAreIsolated(t *testing.T) {
	const intruder = testSession + 1
	tries := 1000
	if testing.Short() {
		tries = 100
	}
	r := newRig(t, verbs.QPConfig{})
	if _, err := rand.NewChaCha8([32]byte{1}).Read(r.remote); err != nil {
		t.Fatal(err)
	}
	before := bytes.Clone(r.remote)

	cred := verbs.NewCredential(intruder)
	if err := r.server.Admit(cred); err != nil {
		t.Fatal(err)
	}
	own, err := r.server.Register(intruder, offHeap(t, regionSize))
	if err != nil {
		t.Fatal(err)
	}
	theirKey, theirBase := openKey(r.grant.Key)
	ownKey, ownBase := openKey(own.Key)
	// Keys put together here are right: the victim's opens its region, over its own
	// connection. What is refused below is refused for what it names.
	if got := r.do(t, r.qp, verbs.WR{Op: verbs.OpRead, Local: r.local[:4096], Key: makeKey(theirKey, theirBase)}); got[0] != verbs.StatusOK {
		t.Fatal(got, r.qp.Err())
	}

	page := r.local[:4096]
	clear(page)
	guesses := 0
	for i := range tries {
		step := uint32(i/4 + 1)
		rkey, base := theirKey, ownBase
		switch i % 4 {
		case 0: // the neighbours of its own remote key, at its own address
			rkey = ownKey + step
			if i%8 == 0 {
				rkey = ownKey - step
			}
		case 1: // the victim's remote key, at the neighbours of its own address
			base += uint64(step-1) << baseShift
		case 2:
			base -= uint64(step) << baseShift
		case 3: // or anywhere
			base = newBase()
		}
		if base == theirBase && rkey == theirKey {
			continue // not a guess of this test
		}
		guesses++
		conn, err := r.dev.Connect(context.Background(), r.server.Address(), cred, verbs.QPConfig{})
		if err != nil {
			t.Fatal(i, err)
		}
		qp, err := conn.Attach(r.loop, nil)
		if err != nil {
			t.Fatal(i, err)
		}
		guess := verbs.WR{Op: verbs.Opcode(1 + i/4%2), Local: page, Remote: uint64(i%512) * 4096, Key: makeKey(rkey, base)}
		if got := r.do(t, qp, guess); got[0] != verbs.StatusRemoteAccess {
			t.Fatalf("try %d: %v with a guessed key: %v", i, guess.Op, got)
		}
		if qp.State() != verbs.StateError || !errors.Is(qp.Err(), verbs.ErrRemoteAccess) {
			t.Fatalf("try %d: the connection is %v after it, %v", i, qp.State(), qp.Err())
		}
		r.end(t, qp)
	}
	r.wait(t, "the end of all connections", func() bool { return r.server.Stats().Connections == 1 })
	// The server hears of the end by another way than the adapter meets the guess.
	if n := r.server.sessions[intruder].slots; n < guesses*9/10 {
		t.Errorf("%d guesses have used up %d slots", guesses, n)
	}
	if !bytes.Equal(r.remote, before) {
		t.Error("the memory of the other session has changed")
	}
	if got := r.do(t, r.qp, r.read(page, 0)); got[0] != verbs.StatusOK || !bytes.Equal(page, before[:4096]) {
		t.Errorf("the other session's own read: %v, %v", got, r.qp.Err())
	}
	// Its secret, too, is its own: none but it can be connected as it.
	stolen := verbs.Credential{Session: testSession, Secret: cred.Secret}
	if _, err := r.dev.Connect(context.Background(), r.server.Address(), stolen, verbs.QPConfig{}); !errors.Is(err, verbs.ErrRefused) {
		t.Errorf("connect as the other session: %v", err)
	}
}
