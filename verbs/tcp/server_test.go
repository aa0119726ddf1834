package tcp

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/farswap/farswap/verbs"
	"github.com/farswap/farswap/verbs/internal/handshake"
)

// dialRaw is a connection to the rig's server; closed when the test ends.
func (r *rig) dialRaw(t *testing.T) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", r.server.Address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return c
}

// works checks that the server serves.
func (r *rig) works(t *testing.T, when string) {
	t.Helper()
	qp := r.connect(t, verbs.QPConfig{}, nil)
	if got := r.do(t, qp, r.read(r.local[:8], 0)); got[0] != verbs.StatusOK {
		t.Fatalf("%s: %v: %v", when, got, qp.Err())
	}
	r.end(t, qp)
}

// ends checks that the server ends the connection, and returns what it sent
// before.
func ends(t *testing.T, c net.Conn) []byte {
	t.Helper()
	b, err := io.ReadAll(c)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the server keeps the connection")
	}
	return b
}

func TestSessions(t *testing.T) {
	r := newRig(t, Config{Threads: 3}, verbs.QPConfig{})
	s := r.server
	if err := s.Admit(r.cred); !errors.Is(err, verbs.ErrSessionExists) {
		t.Errorf("admit twice: %v", err)
	}
	if _, err := s.Register(99, r.remote); !errors.Is(err, verbs.ErrNoSession) {
		t.Errorf("register for nobody: %v", err)
	}
	if _, err := s.Register(testSession, nil); !errors.Is(err, verbs.ErrBounds) {
		t.Errorf("register nothing: %v", err)
	}
	if err := s.Deregister(99, r.grant.Key); !errors.Is(err, verbs.ErrNoSession) {
		t.Errorf("deregister of nobody: %v", err)
	}
	if err := s.Deregister(testSession, r.grant.Key+1); !errors.Is(err, verbs.ErrNoKey) {
		t.Errorf("deregister another key: %v", err)
	}
	s.Revoke(99)
	seen := map[verbs.Key]bool{r.grant.Key: true}
	for range 100 {
		g, err := s.Register(testSession, r.remote[:4096])
		if err != nil || g.Length != 4096 || g.Key == 0 || seen[g.Key] {
			t.Fatalf("%+v, %v", g, err)
		}
		seen[g.Key] = true
	}
}

func TestRevoke(t *testing.T) {
	var ended atomic.Int32
	r := newRig(t, Config{Threads: 2, Events: Events{Ended: func(string, verbs.SessionID, error) { ended.Add(1) }}}, verbs.QPConfig{})
	second := r.connect(t, verbs.QPConfig{}, nil) // on the other thread
	r.server.Revoke(testSession)
	if n := r.server.Stats(); n.Connections != 0 || n.Regions != 0 || ended.Load() != 2 {
		t.Errorf("%+v, %d ended", n, ended.Load())
	}
	for _, qp := range []verbs.QP{r.qp, second} {
		if got := r.do(t, qp, r.read(r.local[:8], 0)); got[0] != verbs.StatusTransport {
			t.Errorf("after revocation: %v", got)
		}
	}
	if _, err := r.dev.Connect(context.Background(), r.server.Address(), r.cred, verbs.QPConfig{}); !errors.Is(err, verbs.ErrRefused) {
		t.Errorf("connect after revocation: %v", err)
	}
	// The same number again is another session, with another secret and no keys.
	old := r.cred
	r.cred = verbs.NewCredential(testSession)
	if err := r.server.Admit(r.cred); err != nil {
		t.Fatal(err)
	}
	if old.Secret == r.cred.Secret {
		t.Error("same secret again")
	}
	qp := r.connect(t, verbs.QPConfig{}, nil)
	if got := r.do(t, qp, r.read(r.local[:8], 0)); got[0] != verbs.StatusRemoteAccess {
		t.Errorf("old key in the new session: %v", got)
	}
}

func TestSilentConnectionsHoldUpNobody(t *testing.T) {
	r := newRig(t, Config{Threads: 1, HandshakeTimeout: 200 * time.Millisecond}, verbs.QPConfig{})
	before := fds(t)
	var silent []net.Conn
	for i := range 30 {
		c := r.dialRaw(t)
		if i%2 == 0 { // half of a claim
			if _, err := c.Write(make([]byte, format.ClaimSize()/2)); err != nil {
				t.Fatal(err)
			}
		}
		silent = append(silent, c)
	}
	r.works(t, "beside silent connections")
	for _, c := range silent {
		if got := ends(t, c); len(got) > format.GreetingSize() {
			t.Errorf("%d bytes for a silent peer", len(got))
		}
		_ = c.Close()
	}
	eventually(t, "all are rejected", func() bool { return r.server.Stats().Rejected == 30 })
	eventually(t, "descriptors are closed", func() bool { return fds(t) <= before })
}

// Idle connections of a stranger, more than there are places, keep no device out.
func TestIdleStrangersShutNobodyOut(t *testing.T) {
	r := newRig(t, Config{Threads: 1, HandshakeTimeout: time.Minute}, verbs.QPConfig{})
	for range 8 * handshakes.Unproven {
		if c, err := net.Dial("tcp", r.server.Address()); err == nil { // else a newer one had its place before it knew
			defer c.Close()
		}
	}
	r.works(t, "beside idle strangers")
}

// Strangers who come fast cost no more handshakes than the server wants to pay for.
func TestHandshakesPerSecondAreBounded(t *testing.T) {
	r := newRig(t, Config{Threads: 1, HandshakeTimeout: time.Minute}, verbs.QPConfig{})
	begun := time.Now()
	for range 16 * handshakes.AtOnce {
		if c, err := net.Dial("tcp", r.server.Address()); err == nil {
			_ = c.Close()
		}
	}
	took := time.Since(begun)
	got, most := r.server.Stats().Rejected, uint64(handshakes.AtOnce)+uint64(took.Seconds()*float64(handshakes.PerSecond))+1
	if got > most {
		t.Errorf("%d handshakes in %v, want %d at most", got, took, most)
	}
	r.works(t, "after strangers")
}

// The sessions of one owner together have a quarter of the connections, and another owner has its own.
func TestConnectionsOfOneOwnerAreBounded(t *testing.T) {
	r := newRig(t, Config{Threads: 1, MaxConnections: 16}, verbs.QPConfig{})
	credential := func(id verbs.SessionID, owner string) verbs.Credential {
		c := verbs.NewCredential(id)
		c.Owner = owner
		if err := r.server.Admit(c); err != nil {
			t.Fatal(err)
		}
		return c
	}
	one, two, other := credential(101, "greedy"), credential(102, "greedy"), credential(103, "modest")
	connect := func(c verbs.Credential) (verbs.Conn, error) {
		return r.dev.Connect(context.Background(), r.server.Address(), c, verbs.QPConfig{Depth: 1})
	}
	var conns []verbs.Conn
	for i := range 16 / shareOfOwner {
		c := one
		if i%2 == 1 {
			c = two
		}
		conn, err := connect(c)
		if err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		conns = append(conns, conn)
	}
	if conn, err := connect(two); err == nil {
		_ = conn.Close()
		t.Error("one more")
	} else if !errors.Is(err, verbs.ErrBusy) {
		t.Errorf("one more: %v", err)
	}
	conn, err := connect(other)
	if err != nil {
		t.Fatalf("of another owner: %v", err)
	}
	for _, c := range append(conns, conn) {
		_ = c.Close()
	}
	eventually(t, "places come back", func() bool {
		r.server.mu.Lock()
		defer r.server.mu.Unlock()
		return len(r.server.owned) == 0
	})
}

func TestGarbageInTheHandshake(t *testing.T) {
	var mu sync.Mutex
	var last error
	r := newRig(t, Config{Threads: 1, Events: Events{Rejected: func(_ string, err error) {
		mu.Lock()
		defer mu.Unlock()
		last = err
	}}}, verbs.QPConfig{})
	secret := &r.cred.Secret
	damaged := func(at int) func(handshake.Nonce) []byte {
		return func(n handshake.Nonce) []byte {
			b := format.Claim(handshake.Claim{Session: testSession, Depth: 4}, n, secret)
			b[at] ^= 0x40
			return b
		}
	}
	for i, c := range []struct {
		name    string
		claim   func(handshake.Nonce) []byte
		verdict handshake.Verdict
		want    error
	}{
		{"noise", func(handshake.Nonce) []byte { b := make([]byte, format.ClaimSize()); _, _ = rand.Read(b); return b }, handshake.Refused, verbs.ErrProtocol},
		{"magic", damaged(0), handshake.Refused, verbs.ErrProtocol},
		{"version", damaged(4), handshake.Version, verbs.ErrVersion},
		{"depth within range", damaged(6), handshake.Refused, verbs.ErrRefused},
		{"depth out of range", damaged(7), handshake.Refused, verbs.ErrProtocol},
		{"session", damaged(8), handshake.Refused, verbs.ErrNoSession},
		{"generation without a place", damaged(16), handshake.Refused, verbs.ErrProtocol},
		{"place without a generation", damaged(24), handshake.Refused, verbs.ErrProtocol},
		{"nonce", damaged(format.ClaimSize() - 64), handshake.Refused, verbs.ErrRefused},
		{"mac", damaged(format.ClaimSize() - 1), handshake.Refused, verbs.ErrRefused},
		{"replay", func(handshake.Nonce) []byte {
			return format.Claim(handshake.Claim{Session: testSession, Depth: 4}, handshake.Nonce{}, secret)
		}, handshake.Refused, verbs.ErrRefused},
	} {
		conn := r.dialRaw(t)
		buf := make([]byte, format.GreetingSize())
		if _, err := io.ReadFull(conn, buf); err != nil {
			t.Fatal(err)
		}
		server, err := format.ParseGreeting(buf)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write(c.claim(server)); err != nil {
			t.Fatal(err)
		}
		got := ends(t, conn)
		if !bytes.Equal(got, format.Verdict(c.verdict, handshake.Nonce{}, server, secret)) {
			t.Errorf("%s: verdict % x", c.name, got)
			continue
		}
		eventually(t, "rejection", func() bool { return r.server.Stats().Rejected == uint64(i+1) })
		mu.Lock()
		if !errors.Is(last, c.want) {
			t.Errorf("%s: rejected for %v, want %v", c.name, last, c.want)
		}
		mu.Unlock()
	}
	r.works(t, "after garbage")
}

// A server that only relays nonces, without the secret, is found out.
func TestDeviceRefusesAFalseServer(t *testing.T) {
	cred := verbs.Credential{Session: 1, Secret: [32]byte{1}}
	verdict := func(v handshake.Verdict, secret byte) []byte {
		return format.Verdict(v, handshake.Nonce{}, handshake.Nonce{}, &[32]byte{secret})
	}
	for _, c := range []struct {
		name    string
		hello   []byte
		verdict []byte
		want    error
	}{
		{"not farswap", []byte("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n")[:format.GreetingSize()], nil, verbs.ErrProtocol},
		{"other version", func() []byte { b := format.Greeting(handshake.Nonce{}); b[4] = 9; return b }(), nil, verbs.ErrVersion},
		{"no mac", format.Greeting(handshake.Nonce{}), func() []byte { b := verdict(handshake.OK, 0); clear(b[8:]); return b }(), verbs.ErrRefused},
		{"other secret", format.Greeting(handshake.Nonce{}), verdict(handshake.OK, 2), verbs.ErrRefused},
		{"full", format.Greeting(handshake.Nonce{}), verdict(handshake.Full, 0), verbs.ErrBusy},
		{"fenced", format.Greeting(handshake.Nonce{}), verdict(handshake.Fenced, 0), verbs.ErrFenced},
		{"held", format.Greeting(handshake.Nonce{}), verdict(handshake.Held, 0), verbs.ErrBusy},
		{"version refused", format.Greeting(handshake.Nonce{}), verdict(handshake.Version, 0), verbs.ErrVersion},
		{"unknown verdict", format.Greeting(handshake.Nonce{}), func() []byte { b := verdict(handshake.Held, 0); b[6] = 77; return b }(), verbs.ErrProtocol},
		{"says no more", format.Greeting(handshake.Nonce{}), nil, io.EOF},
	} {
		device, server := net.Pipe()
		var running sync.WaitGroup
		running.Go(func() {
			defer server.Close()
			_, _ = server.Write(c.hello)
			if _, err := io.ReadFull(server, make([]byte, format.ClaimSize())); err == nil {
				_, _ = server.Write(c.verdict)
			}
		})
		if err := introduce(device, cred, verbs.QPConfig{Depth: 4}); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
		_ = device.Close()
		running.Wait()
	}
}

func TestGarbageAfterTheHandshake(t *testing.T) {
	r := newRig(t, Config{Threads: 1}, verbs.QPConfig{})
	read := opHeader{op: verbs.OpRead, key: r.grant.Key, length: 8}
	noise := make([]byte, 100_000)
	_, _ = rand.Read(noise)
	tooMany := make([]byte, batchSize)
	putBatch(tooMany, maxBatchOps+1, 0)
	tooMuch := marshalBatch(0, read)
	putBatch(tooMuch, 1, 1<<20)
	late := read
	late.seq = 1
	long := read
	long.length = verbs.MaxLength + 1
	cases := map[string][]byte{
		"noise": noise, "too many operations": tooMany, "too much payload": tooMuch,
		"sequence": marshalBatch(0, late), "length": marshalBatch(0, long),
	}
	for name, b := range cases {
		c := r.dialRaw(t)
		if err := introduce(c, r.cred, verbs.QPConfig{Depth: 4}); err != nil {
			t.Fatal(err)
		}
		_, _ = c.Write(b) // may fail, when the server has seen enough
		if got := ends(t, c); len(got) > 0 {
			t.Errorf("%s: answered with %d bytes", name, len(got))
		}
	}
	eventually(t, "protocol errors are counted", func() bool { return r.server.Stats().Protocol == uint64(len(cases)) })
	r.works(t, "after garbage")
}

func TestServerCloseUnderLoad(t *testing.T) {
	r := newRig(t, Config{Threads: 2}, verbs.QPConfig{})
	other := r.connect(t, verbs.QPConfig{}, nil)
	silent := r.dialRaw(t)
	wr := r.write(r.local[:verbs.MaxLength], 0)
	for _, qp := range []verbs.QP{r.qp, other} {
		for range 20 {
			if err := qp.Post(&wr); err != nil {
				t.Fatal(err)
			}
		}
		qp.Doorbell()
	}
	if err := r.loop.Pass(time.Millisecond); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := r.server.Close(); err != nil {
			t.Error(err)
		}
	}
	ends(t, silent)
	clear(r.remote) // nobody else touches it now
	r.wait(t, "failure", func() bool {
		var c [8]verbs.Completion
		for _, qp := range []verbs.QP{r.qp, other} {
			qp.Poll(c[:])
			if qp.Outstanding() == 0 && qp.Post(&wr) == nil { // an idle one does not notice
				qp.Doorbell()
			}
		}
		return r.qp.State() == verbs.StateError && other.State() == verbs.StateError
	})
	for i, b := range r.remote {
		if b != 0 {
			t.Fatalf("byte %d changed after Close", i)
		}
	}
	if err := r.server.Admit(verbs.NewCredential(9)); !errors.Is(err, verbs.ErrClosed) {
		t.Errorf("admit after close: %v", err)
	}
	if _, err := r.server.Register(testSession, r.remote); !errors.Is(err, verbs.ErrNoSession) {
		t.Errorf("register after close: %v", err)
	}
}

func TestHeardCountsWhatComes(t *testing.T) {
	r := newRig(t, Config{Threads: 2}, verbs.QPConfig{})
	if n := r.server.Heard(testSession); n != 0 {
		t.Errorf("heard %d times before anything came", n)
	}
	second := r.connect(t, verbs.QPConfig{}, nil) // on the other thread
	for i, qp := range []verbs.QP{r.qp, second, r.qp} {
		if got := r.do(t, qp, r.read(r.local[:8], 0)); got[0] != verbs.StatusOK {
			t.Fatal(got)
		}
		if n := r.server.Heard(testSession); n != uint64(i+1) {
			t.Errorf("heard %d times after %d operations", n, i+1)
		}
	}
	r.server.Revoke(testSession)
	if n := r.server.Heard(testSession); n != 0 {
		t.Errorf("heard a session that has ended %d times", n)
	}
}
