package control

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// hello is the valid first message of a device, preamble included.
func hello(t *testing.T) []byte {
	t.Helper()
	b, err := appendFrame(preamble(), 0, false, &Hello{Device: NewUUID(), Name: "dev", SlabSize: MinSlab})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func rawFrame(k kind, flags uint16, id uint32, body string) []byte {
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(body)))
	b = binary.LittleEndian.AppendUint16(b, uint16(k))
	b = binary.LittleEndian.AppendUint16(b, flags)
	b = binary.LittleEndian.AppendUint32(b, id)
	return append(b, body...)
}

func version(v byte) []byte {
	b := preamble()
	b[len(magic)] = v
	return b
}

// TestHostileDevice sends a donor bytes that no device sends. That connection ends with one clear
// error, and a good session beside it goes on.
func TestHostileDevice(t *testing.T) {
	checkFDs(t)
	slow := quick
	slow.Handshake = 600 * time.Millisecond
	donor := &donorStub{handler: HandlerFunc(lender)}
	st := serveOn(t, donor, ListenConfig{Insecure: true, Timing: slow})
	good := mustDial(t, st.addr, dialConfig())

	big := binary.LittleEndian.AppendUint32(preamble(), 1<<31)
	big = append(big, make([]byte, 8)...)
	for _, c := range []struct {
		name string
		send []byte
		hang bool // keep the connection open, sending nothing more
		want error
		tell string // what the device gets to read
	}{
		{"nothing", nil, false, ErrPeerLost, ""},
		{"silence", nil, true, ErrTimeout, ""},
		{"half a hello", hello(t)[:30], true, ErrTimeout, ""},
		{"truncated hello", hello(t)[:30], false, ErrPeerLost, ""},
		{"garbage", []byte("GET / HTTP/1.1\r\n\r\n"), false, ErrProtocol, magic},
		{"TLS", []byte("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00"), false, ErrProtocol, magic},
		{"another version", version(2), false, ErrVersion, magic},
		{"oversized", big, false, ErrTooBig, "too big"},
		{"not a hello", append(preamble(), rawFrame(kindPing, 0, 1, "\xa0")...), false, ErrProtocol, "where Hello belongs"},
		{"empty hello", append(preamble(), rawFrame(kindHello, 0, 0, "\xa0")...), false, ErrProtocol, "UUID"},
	} {
		n := len(st.rejections())
		conn, err := net.Dial("tcp", st.addr)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write(c.send); err != nil {
			t.Fatal(err)
		}
		if !c.hang {
			halfClose(conn)
		}
		_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
		got, err := io.ReadAll(conn)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if !bytes.Contains(got, []byte(c.tell)) {
			t.Errorf("%s: told %q, want %q in it", c.name, got, c.tell)
		}
		_ = conn.Close()
		eventually(t, c.name+" is rejected", func() bool { return len(st.rejections()) > n })
		all := st.rejections()
		if len(all) != n+1 || !errors.Is(all[n], c.want) || strings.Contains(all[n].Error(), "\n") {
			t.Errorf("%s: %v, want %v", c.name, all[n:], c.want)
		}
	}
	if _, err := good.QueryMem(t.Context()); err != nil {
		t.Errorf("the good session: %v", err)
	}
}

// TestHostileInSession does the same after a valid handshake.
func TestHostileInSession(t *testing.T) {
	checkFDs(t)
	donor := &donorStub{handler: HandlerFunc(func(ctx context.Context, _ Message) (Message, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})}
	st := serveOn(t, donor, ListenConfig{Insecure: true, Timing: quick})
	flood := bytes.Repeat(rawFrame(kindQueryMem, 0, 1, "\xa0"), maxQueued+2)
	for _, c := range []struct {
		name string
		send []byte
		want error
	}{
		{"silence", nil, ErrPeerLost},
		{"half a frame", rawFrame(kindPing, 0, 1, "\xa0")[:6], ErrPeerLost},
		{"oversized", rawFrame(kindPing, 0, 1, string(make([]byte, maxFrame))), ErrTooBig},
		{"flags", rawFrame(kindPing, 2, 1, "\xa0"), ErrProtocol},
		{"trailing bytes", rawFrame(kindPing, 0, 1, "\xa0\x00"), ErrProtocol},
		{"bad body", rawFrame(kindMap, 0, 1, "\xa0"), ErrProtocol},
		{"bad pong", rawFrame(kindPong, flagReply, 0, "\xa0"), ErrProtocol},
		{"answer to nothing", rawFrame(kindDone, flagReply, 7, "\xa0"), ErrProtocol},
		{"second hello", hello(t)[preambleSize:], ErrProtocol},
		{"flood", flood, ErrBusy},
		{"farewell", rawFrame(kindFailure, 0, 0, "\xa2\x01\x0c\x02\x61x"), ErrPeerClosed},
	} {
		conn, err := net.Dial("tcp", st.addr)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write(append(hello(t), c.send...)); err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
		if _, err := io.Copy(io.Discard, conn); err != nil && !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("%s: %v", c.name, err)
		}
		_ = conn.Close()
		s := donor.session()
		eventually(t, c.name+" ends", func() bool {
			donor.mu.Lock()
			defer donor.mu.Unlock()
			return donor.ended[s] != nil
		})
		if err := s.Err(); !errors.Is(err, c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

// TestUnknownRequestIsAnswered: a request that only newer devices know does not end the session.
func TestUnknownRequestIsAnswered(t *testing.T) {
	donor := &donorStub{handler: HandlerFunc(lender)}
	st := serveOn(t, donor, ListenConfig{Insecure: true, Timing: quick})
	s := mustDial(t, st.addr, dialConfig())
	reply := make(chan Message, 1)
	id, err := s.current().register(pendingCall{kindDone, reply})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.current().send(t.Context(), rawFrame(999, 0, id, "\xa0")); err != nil {
		t.Fatal(err)
	}
	if f, ok := (<-reply).(*Failure); !ok || !errors.Is(f, ErrUnsupported) {
		t.Errorf("answer %+v", f)
	}
	if _, err := s.QueryMem(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestHostileDonor: a device dials servers that are not donors.
func TestHostileDonor(t *testing.T) {
	checkFDs(t)
	welcome := rawFrame(kindWelcome, flagReply, 0, "\xa0")
	for _, c := range []struct {
		name string
		send []byte
		hang bool
		want error
	}{
		{"closes at once", nil, false, ErrPeerLost},
		{"says nothing", nil, true, ErrTimeout},
		{"another version", version(9), false, ErrVersion},
		{"HTTP", []byte("HTTP/1.1 400 Bad Request\r\n\r\n"), false, ErrProtocol},
		{"wants TLS", []byte("\x15\x03\x01\x00\x02\x02\x46"), false, ErrProtocol},
		{"empty welcome", append(preamble(), welcome...), false, ErrProtocol},
		{"truncated welcome", append(preamble(), welcome[:5]...), false, ErrPeerLost},
		{"oversized welcome", append(preamble(), rawFrame(kindWelcome, 1, 0, string(make([]byte, maxFrame)))...), false, ErrTooBig},
		{"other message", append(preamble(), rawFrame(kindPong, 1, 0, "\xa0")...), false, ErrProtocol},
		{"refusal", append(preamble(), rawFrame(kindFailure, 0, 0, "\xa2\x01\x04\x02\x61x")...), false, ErrRefused},
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			conn, err := l.Accept()
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = conn.Close() }()
			_, _ = conn.Write(c.send)
			if !c.hang {
				halfClose(conn)
			}
			_, _ = io.Copy(io.Discard, conn) // until the device gives up
		}()
		cfg := dialConfig()
		cfg.Timing.Handshake = 600 * time.Millisecond
		_, err = Dial(t.Context(), l.Addr().String(), cfg)
		if !errors.Is(err, c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
		<-done
		_ = l.Close()
	}
}

func TestDialRefuses(t *testing.T) {
	st := serveOn(t, &donorStub{}, ListenConfig{Insecure: true, Timing: quick})
	set := func(f func(*DialConfig)) DialConfig {
		c := dialConfig()
		f(&c)
		return c
	}
	for _, c := range []struct {
		name, addr string
		cfg        DialConfig
		want       error
	}{
		{"no port", "127.0.0.1", dialConfig(), ErrInvalid},
		{"no UUID", st.addr, set(func(c *DialConfig) { c.Device = UUID{} }), ErrInvalid},
		{"no name", st.addr, set(func(c *DialConfig) { c.Name = "" }), ErrInvalid},
		{"slab size", st.addr, set(func(c *DialConfig) { c.SlabSize = 5 }), ErrInvalid},
		{"no identity", st.addr, set(func(c *DialConfig) { c.Insecure = false }), ErrIdentity},
		{"insecure afar", "192.0.2.1:9400", dialConfig(), ErrInsecureAddress},
		{"nobody there", "127.0.0.1:1", dialConfig(), syscall.ECONNREFUSED},
	} {
		if _, err := Dial(t.Context(), c.addr, c.cfg); !errors.Is(err, c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Dial(ctx, st.addr, dialConfig()); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestListenRefuses(t *testing.T) {
	checkFDs(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	for _, c := range []struct {
		addr string
		cfg  ListenConfig
		want error
	}{
		{"127.0.0.1:0", ListenConfig{}, ErrIdentity},
		{":0", ListenConfig{Insecure: true}, ErrInsecureAddress},
		{"0.0.0.0:0", ListenConfig{Insecure: true}, ErrInsecureAddress},
		{"192.0.2.1:0", ListenConfig{Insecure: true}, ErrInsecureAddress},
		{taken.Addr().String(), ListenConfig{Insecure: true}, syscall.EADDRINUSE},
	} {
		if _, err := Listen(c.addr, c.cfg); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.addr, err, c.want)
		}
	}
	if _, err := Listen("nonsense", ListenConfig{Insecure: true}); err == nil {
		t.Error("listened on nonsense")
	}
	l, err := Listen("localhost:0", ListenConfig{Insecure: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(l.Close(), l.Close()); err != nil {
		t.Error(err)
	}
}

// identityAt makes an identity with the dates of another time.
func identityAt(t *testing.T, ca, name string, at time.Time) *Identity {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	if err := issueAt(ca, dir, name, []string{"127.0.0.1"}, at); err != nil {
		t.Fatal(err)
	}
	id, err := loadIdentityAt(dir, at)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// trustsBoth is an identity of one CA named stranger that trusts another CA, too.
func trustsBoth(t *testing.T, ca, also string) *Identity {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "stranger")
	if err := Issue(ca, dir, "stranger", []string{"127.0.0.1"}); err != nil {
		t.Fatal(err)
	}
	addTo(t, filepath.Join(dir, caCertFile), filepath.Join(also, caCertFile))
	id, err := LoadIdentity(dir)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// addTo appends the content of a file to another.
func addTo(t *testing.T, path, from string) {
	t.Helper()
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	more, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(before, more...), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestIdentitiesThatDoNotMatch: each side learns the reason. A donor cannot know why a device refuses
// its certificate, so it names everything in the certificate that matters.
func TestIdentitiesThatDoNotMatch(t *testing.T) {
	checkFDs(t)
	past, future := time.Now().Add(-identityLife-24*time.Hour), time.Now().Add(24*time.Hour+clockSkew)
	ca, other := filepath.Join(t.TempDir(), "ca"), newCA(t)
	if err := initCAAt(ca, "old-ca", past); err != nil {
		t.Fatal(err)
	}
	device, donor := identity(t, ca, "device-1"), identity(t, ca, "donor-1", "127.0.0.1")
	stranger := identity(t, other, "stranger", "127.0.0.1")
	trusting := trustsBoth(t, other, ca) // the donor's CA, so that it is the donor that finds out
	ended, early := identityAt(t, ca, "ended", past), identityAt(t, ca, "early", future)
	ends, begins := "ended "+utc(past.Add(identityLife)), "valid from "+utc(future.Add(-clockSkew))
	type side struct {
		id   *Identity // nil: insecure
		want error
		says []string
	}
	for _, c := range []struct {
		name          string
		donor, device side
	}{
		{
			"device of another CA",
			side{donor, ErrUntrusted, []string{`"stranger"`, `signed by CA "test-ca"`, "identities of one CA"}},
			side{trusting, ErrUntrusted, []string{`another CA than "test-ca"`, `"stranger"`, "identities of one CA"}},
		},
		{
			"donor of another CA",
			side{stranger, ErrUntrusted, []string{`"stranger"`, `another CA than "test-ca"`, "its error says which"}},
			side{device, ErrUntrusted, []string{`"stranger"`, `signed by CA "test-ca"`, "identities of one CA"}},
		},
		{
			"device's has ended",
			side{donor, ErrExpired, []string{`"ended"`, ends, "renew it there"}},
			side{ended, ErrExpired, []string{`"ended"`, ends, "renew it"}},
		},
		{
			"donor's has ended",
			side{ended, ErrExpired, []string{`"ended"`, ends, "renew it"}},
			side{device, ErrExpired, []string{`"ended"`, ends, "renew it there"}},
		},
		{
			"device's is not valid yet",
			side{donor, ErrExpired, []string{`"early"`, begins, "set the clocks"}},
			side{early, ErrExpired, []string{`"early"`, begins, "set the clocks"}},
		},
		{
			"donor's is not valid yet",
			side{early, ErrExpired, []string{`"early"`, begins, "set the clocks"}},
			side{device, ErrExpired, []string{`"early"`, begins, "set the clocks"}},
		},
		{
			"donor for another host",
			side{identity(t, ca, "donor-2", "10.0.0.9"), ErrUntrusted, []string{`"donor-2"`, "another host than 10.0.0.9, donor-2"}},
			side{device, ErrUntrusted, []string{`"donor-2" is for 10.0.0.9, donor-2, and not for 127.0.0.1`, "issue one"}},
		},
		{"insecure device", side{donor, ErrProtocol, []string{"the peer does not speak TLS"}}, side{nil, ErrProtocol, []string{"peer speaks TLS"}}},
		{"insecure donor", side{nil, ErrProtocol, []string{"peer speaks TLS"}}, side{device, ErrProtocol, []string{"the peer does not speak TLS"}}},
	} {
		st := serveOn(t, &donorStub{}, ListenConfig{Identity: c.donor.id, Insecure: c.donor.id == nil, Timing: quick})
		cfg := dialConfig()
		cfg.Identity, cfg.Insecure = c.device.id, c.device.id == nil
		_, err := Dial(t.Context(), st.addr, cfg)
		eventually(t, "the donor rejects: "+c.name, func() bool { return len(st.rejections()) == 1 })
		for who, got := range map[string]struct {
			side
			err error
		}{"device": {c.device, err}, "donor": {c.donor, st.rejections()[0]}} {
			if !errors.Is(got.err, got.want) || strings.Contains(got.err.Error(), "\n") {
				t.Errorf("%s: %s: %v, want %v", c.name, who, got.err, got.want)
				continue
			}
			for _, part := range got.says {
				if !strings.Contains(got.err.Error(), part) {
					t.Errorf("%s: %s: %v does not say %q", c.name, who, got.err, part)
				}
			}
		}
		st.stop()
	}
}

// TestSilentDonor dials a donor on a machine that hangs after the welcome, and a donor that sends a
// byte now and then.
func TestSilentDonor(t *testing.T) {
	checkFDs(t)
	w, err := appendFrame(preamble(), 0, true, &Welcome{
		Session: 1, Name: "donor", Secret: Secret{1}, Data: []Endpoint{{"tcp", ":1"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, drip := range []bool{false, true} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		stop, done := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			conn, err := l.Accept()
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = conn.Close() }()
			_, _ = conn.Write(w)
			for {
				select {
				case <-time.After(2 * quick.Ping):
				case <-stop:
					return
				}
				if drip {
					_, _ = conn.Write([]byte{0})
				}
			}
		}()
		s := mustDial(t, l.Addr().String(), dialConfig())
		if _, err := s.QueryMem(t.Context()); !errors.Is(err, ErrPeerLost) {
			t.Errorf("drip %v: call: %v", drip, err)
		}
		<-s.Done()
		if err := s.Err(); !errors.Is(err, ErrPeerLost) {
			t.Errorf("drip %v: %v", drip, err)
		}
		close(stop)
		<-done
		_ = l.Close()
	}
}

// TestPeerThatNeverReads fills the buffers of the connection. The deadline of a write ends the
// session.
func TestPeerThatNeverReads(t *testing.T) {
	a, b := net.Pipe() // no buffers at all
	p := &pulse{conn: a}
	s := newSession(a, nil, p, bufio.NewReader(p), quick)
	s.start(nil)
	<-s.Done()
	if err := s.Err(); !errors.Is(err, ErrPeerLost) {
		t.Errorf("ended with %v", err)
	}
	_ = s.Close()
	_ = b.Close()
}

func TestDataAddress(t *testing.T) {
	for _, c := range []struct{ peer, endpoint, want string }{
		{"10.0.0.7:9400", ":9401", "10.0.0.7:9401"},
		{"10.0.0.7:9400", "0.0.0.0:9401", "10.0.0.7:9401"},
		{"[fe80::1%eth0]:9400", "[::]:9401", "[fe80::1%eth0]:9401"},
		{"10.0.0.7:9400", "10.1.0.7:9401", "10.1.0.7:9401"},
		{"10.0.0.7:9400", "fast.example.org:1", "fast.example.org:1"},
	} {
		s := &Session{line: &line{peer: Peer{Address: c.peer}}, welcome: &Welcome{Data: []Endpoint{{"tcp", c.endpoint}}}}
		if got := s.DataAddress("tcp"); got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
}
