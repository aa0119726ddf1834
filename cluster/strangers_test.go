package cluster

import (
	"encoding/binary"
	"errors"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"
)

// dialMember connects to a member, as a stranger.
func dialMember(t *testing.T, n *node) net.Conn {
	t.Helper()
	conn, err := net.DialTimeout("tcp", n.Address(), patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	return conn
}

// Strangers cannot occupy the streams of a member.
func TestIdleStrangersShutNobodyOut(t *testing.T) {
	a := start(t, nil)
	for range 4 * streamLimits.Unproven {
		if conn, err := net.DialTimeout("tcp", a.Address(), patience); err == nil { // else a newer one had its place before it knew
			defer conn.Close()
		}
	}
	donor(t, "c", "127.0.0.1:9003", a)
	wantListed(t, "c@127.0.0.1:9003", a)
}

// state is the begin of an encrypted state of 19 MiB, as memberlist takes it.
func state() []byte {
	const encryptMsg, size = 10, 19 << 20
	return binary.BigEndian.AppendUint32([]byte{encryptMsg}, size)
}

// flood sends as much as the member takes.
func flood(conn net.Conn, first []byte) {
	zeros := make([]byte, 64<<10)
	_, err := conn.Write(first)
	for sent := 0; err == nil && sent < 19<<20; sent += len(zeros) {
		_, err = conn.Write(zeros)
	}
	_, _ = conn.Read(zeros) // until the member has ended the stream
}

// allocated is what the process allocates while f runs, freed or not, in bytes: no less than what it grows by.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// A stranger without the key costs a member next to nothing, whatever it sends. In version 1 of the greeting
// 40 streams, with a fingerprint that the member itself had sent, took 1.7 GB.
func TestStrangersTakeNoMemory(t *testing.T) {
	a := start(t, nil)
	streams := func() {
		var all sync.WaitGroup
		for range 40 {
			conn := dialMember(t, a)
			all.Go(func() {
				claim := append(opening(), make([]byte, claimFields+proofSize)...)
				flood(conn, append(claim, state()...))
			})
		}
		all.Wait()
	}
	if got := allocated(streams); got > 32<<20 {
		t.Errorf("40 streams of strangers took %d MiB", got>>20)
	}
}

// Who has the key cannot make a member buffer more than a cluster's state, in more than a few streams at once.
func TestMembersTakeBoundedMemory(t *testing.T) {
	a := start(t, func(c *Config) {
		c.tune = func(m *memberlist.Config) { fast(m); m.TCPTimeout = patience } // open streams stay open
	})
	full := 0
	streams := func() {
		var all sync.WaitGroup
		var mu sync.Mutex // guards full
		for range 40 {
			conn := dialMember(t, a)
			all.Go(func() {
				_, err := greet(conn, [][]byte{testKey[:]}, wantsGossip, time.Now().Add(patience))
				switch {
				case errors.Is(err, ErrFull):
					mu.Lock()
					defer mu.Unlock()
					full++
				case err == nil:
					flood(conn, state())
				}
			})
		}
		all.Wait()
	}
	// A buffer that doubles takes twice its size, and some is read ahead; the rest is for gossip meanwhile.
	// Without bounds it is 1.7 GB.
	most := uint64(40 * 8 * minState)
	if got := allocated(streams); got > most {
		t.Errorf("40 streams took %d MiB, want %d at most", got>>20, most>>20)
	}

	// While streams of one address are open, no more of them are accepted than its bound.
	full = 0
	for range streamLimits.ProvenPerOrigin + 4 {
		_, err := greet(dialMember(t, a), [][]byte{testKey[:]}, wantsGossip, time.Now().Add(patience))
		if errors.Is(err, ErrFull) {
			full++
		} else if err != nil {
			t.Error(err)
		}
	}
	if full < 4 {
		t.Errorf("%d streams are refused beyond the bound, want 4 or more", full)
	}
}
