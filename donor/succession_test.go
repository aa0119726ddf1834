package donor

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"net"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/verbs"
	"github.com/farswap/farswap/verbs/tcp"
)

// pair is the two ends of a local connection, as two processes have them.
func pair(t testing.TB) (ours, theirs *net.UnixConn) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	var ends []*net.UnixConn
	for _, fd := range fds {
		f := os.NewFile(uintptr(fd), "pair")
		c, err := net.FileConn(f)
		if err != nil {
			t.Fatal(err)
		}
		_ = f.Close()
		t.Cleanup(func() { _ = c.Close() })
		ends = append(ends, c.(*net.UnixConn))
	}
	return ends[0], ends[1]
}

// succeed hands a donor over within this process, and serves the new one until the test ends. The old one must
// not be used any more.
func succeed(t *testing.T, d *Donor, cfg Config) *Donor {
	t.Helper()
	return succeedOver(t, d, cfg, tcpOnly())
}

func succeedOver(t *testing.T, d *Donor, cfg Config, n network) *Donor {
	t.Helper()
	ours, theirs := pair(t)
	var heir *Heir
	var failure error
	var inheriting sync.WaitGroup
	inheriting.Go(func() {
		if heir, failure = inherit(t.Context(), cfg, theirs, n); failure == nil {
			failure = heir.Confirm(t.Context())
		}
	})
	s, err := d.Offer(t.Context(), ours)
	if err == nil {
		err = s.Pass(t.Context(), func() error { return nil })
	}
	inheriting.Wait()
	if err = errors.Join(err, failure); err != nil {
		t.Fatal(err)
	}
	if err := s.Release(); err != nil {
		t.Error(err)
	}
	serveDonor(t, heir.Donor())
	return heir.Donor()
}

// serveOnly serves a donor that will be handed over.
func serveOnly(t *testing.T, cfg Config) *Donor {
	t.Helper()
	d, err := open(cfg, tcpOnly(), nil)
	if err != nil {
		t.Fatal(err)
	}
	serveUntilPassed(t, d)
	return d
}

func serveUntilPassed(t *testing.T, d *Donor) {
	done := make(chan error, 1)
	go func() { done <- d.Serve(context.Background()) }()
	t.Cleanup(func() {
		if err := errors.Join(<-done, d.Close()); err != nil {
			t.Error(err)
		}
	})
}

// TestSuccession: another donor goes on with sessions, keys, leases and memory. Devices only connect again.
func TestSuccession(t *testing.T) {
	checkFDs(t)
	cfg := testConfig()
	old := serveOnly(t, cfg)
	uuid, lost, left := control.NewUUID(), control.NewUUID(), control.NewUUID()
	s := dial(t, old, patient(uuid, time.Hour))
	r := newReach(t)
	qp := r.connect(s)
	keys := map[uint32]verbs.Key{}
	for i := range uint32(3) {
		keys[i] = mapSlab(t, s, i, false)
		if st := r.write(qp, keys[i], 4096, byte(i+1)); st != verbs.StatusOK {
			t.Fatal(st)
		}
	}
	die(t, old, dialConfig(lost), 1) // without a grace time: its session has ended
	away := dial(t, old, dialConfig(left))
	mapSlab(t, away, 7, false)
	_ = away.Close()
	eventually(t, "two leases", func() bool { return len(old.Status().Leases) == 2 })
	if err := old.Resize(6*slabSize, HeadRoom{Bytes: 3 << 20}); err != nil {
		t.Fatal(err)
	}

	address, data := old.Addr(), old.DataAddr()
	d := succeed(t, old, cfg)
	<-s.Cut()
	if err := s.Trouble(); !errors.Is(err, control.ErrPeerLost) {
		t.Fatalf("the device heard %v", err)
	}
	if st := r.do(qp, verbs.OpRead, keys[0], 4096); st == verbs.StatusOK {
		t.Error("the old donor still serves data")
	}
	if d.Addr() != address || d.DataAddr() != data {
		t.Errorf("at %s and %s, before at %s and %s", d.Addr(), d.DataAddr(), address, data)
	}
	st := d.Status()
	if st.Memory.Mapped != 5*slabSize || st.Memory.Total != 6*slabSize || st.Memory.HeadRoom != 3<<20 || len(st.Sessions) != 1 || len(st.Leases) != 2 {
		t.Errorf("%+v", st)
	}
	if err := s.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	qp = r.connect(s)
	for i, key := range keys {
		r.wantPage(qp, key, 4096, byte(i+1))
		r.wantPage(qp, key, 8192, 0)
	}
	if err := s.UnmapKey(t.Context(), 1, uint64(keys[1])); err != nil {
		t.Error(err)
	}
	r.wantPage(qp, mapSlab(t, s, 1, false), 4096, 0)
	for _, one := range []struct {
		uuid control.UUID
		slab uint32
	}{{lost, 0}, {left, 7}} {
		back := dial(t, d, dialConfig(one.uuid))
		if held := back.Welcome().Held; !slices.Equal(held, []uint32{one.slab}) {
			t.Errorf("held %v, want %d", held, one.slab)
		}
		if back.Welcome().Session <= s.Welcome().Session {
			t.Errorf("session %d again", back.Welcome().Session)
		}
		mapSlab(t, back, one.slab, true)
	}
}

// offerTo has a donor offer what it has to a successor, which inherits in a goroutine of its own. ours is the
// donor's end of the socket between them.
func offerTo(t *testing.T, old *Donor, cfg Config) (passing *Succession, ours *net.UnixConn, inherited <-chan *Heir) {
	t.Helper()
	ours, theirs := pair(t)
	heirs := make(chan *Heir, 1)
	go func() {
		h, err := inherit(context.Background(), cfg, theirs, tcpOnly())
		if err != nil {
			t.Error(err)
		}
		heirs <- h
	}()
	passing, err := old.Offer(t.Context(), ours)
	if err != nil {
		t.Fatal(err)
	}
	return passing, ours, heirs
}

// TestSuccessionKeepsTheLine: a device that connects while nobody serves waits, and is not refused.
func TestSuccessionKeepsTheLine(t *testing.T) {
	cfg := testConfig()
	old := serveOnly(t, cfg)
	s := dial(t, old, patient(control.NewUUID(), time.Hour))
	key := mapSlab(t, s, 1, false)
	address, data := old.Addr(), old.DataAddr()
	passing, _, inherited := offerTo(t, old, cfg)
	late := mapSlab(t, s, 2, false) // the successor has not heard of it
	resumed := make(chan error, 1)
	go func() {
		err := passing.Pass(context.Background(), func() error {
			for _, addr := range []string{address, data} { // nobody serves now
				c, err := net.Dial("tcp", addr)
				if err != nil {
					t.Errorf("connect to %s in the middle: %v", addr, err)
					continue
				}
				_ = c.Close()
			}
			go func() { resumed <- s.Resume(context.Background()) }()
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}()
	h := <-inherited
	if err := h.Confirm(t.Context()); err != nil {
		t.Fatal(err)
	}
	serveDonor(t, h.Donor())
	if err := <-resumed; err != nil {
		t.Fatal(err)
	}
	r := newReach(t)
	qp := r.connect(s)
	r.wantPage(qp, key, 0, 0)
	if st := r.write(qp, late, 0, 9); st != verbs.StatusOK {
		t.Error(st)
	}
	r.wantPage(qp, mapSlab(t, s, 3, false), 0, 0) // elsewhere in the file
	r.wantPage(qp, late, 0, 9)
	if err := passing.Release(); err != nil {
		t.Error(err)
	}
}

// accept is a successor up to where it has locked the memory.
func accept(t *testing.T, conn *net.UnixConn) {
	files, err := readFiles(conn)
	for _, f := range files {
		_ = f.Close()
	}
	if err = errors.Join(err, readLetter(conn, new(offer)), sendLetter(conn, verdict{})); err != nil {
		t.Error(err)
	}
}

// TestSuccessionThatFails: whatever goes wrong with the successor, the donor goes on, and devices at most
// connect again.
func TestSuccessionThatFails(t *testing.T) {
	other := errors.New("this one does not")
	for name, c := range map[string]struct {
		change  func(*Config)                        // of the successor
		instead func(conn *net.UnixConn, cfg Config) // of what a successor does
		between error
		stops   bool // the donor had stopped
	}{
		"another name":        {change: func(c *Config) { c.Name = "another" }},
		"another address":     {change: func(c *Config) { c.Listen = "127.0.0.1:1" }},
		"wrong configuration": {change: func(c *Config) { c.Memory = 1 }},
		"no words":            {instead: func(conn *net.UnixConn, _ Config) { _ = conn.Close() }},
		"nonsense": {instead: func(conn *net.UnixConn, _ Config) {
			_, _ = conn.Write([]byte("\xff\xff\xff\xffGET / HTTP/1.0"))
			_ = conn.Close()
		}},
		"declines": {instead: func(conn *net.UnixConn, _ Config) { Decline(conn, other) }},
		"ends when it has locked the memory": {stops: true, instead: func(conn *net.UnixConn, _ Config) {
			accept(t, conn)
			_ = conn.Close()
		}},
		"declines when it has all": {stops: true, instead: func(conn *net.UnixConn, _ Config) {
			accept(t, conn)
			var e estate
			if err := readLetter(conn, &e); err != nil || len(e.Devices) != 1 {
				t.Errorf("estate %+v: %v", e, err)
			}
			Decline(conn, other)
		}},
		"ends when it is to serve": {stops: true, instead: func(conn *net.UnixConn, _ Config) {
			accept(t, conn)
			_ = readLetter(conn, new(estate))
			_ = sendLetter(conn, verdict{})
			_ = readVerdict(conn)
			_ = conn.Close()
		}},
		"what only one can have is not given up": {stops: true, between: other},
	} {
		t.Run(name, func(t *testing.T) {
			checkFDs(t)
			cfg := testConfig()
			d := serveOnly(t, cfg)
			s := dial(t, d, patient(control.NewUUID(), time.Hour))
			key := mapSlab(t, s, 1, false)
			r := newReach(t)
			qp := r.connect(s)
			if st := r.write(qp, key, 0, 0x42); st != verbs.StatusOK {
				t.Fatal(st)
			}
			ours, theirs := pair(t)
			var inheriting sync.WaitGroup
			inheriting.Go(func() {
				if c.instead != nil {
					c.instead(theirs, cfg)
					return
				}
				if c.change != nil {
					c.change(&cfg)
				}
				h, err := inherit(context.Background(), cfg, theirs, tcpOnly())
				if err == nil {
					err = errors.Join(h.Confirm(context.Background()), h.Abandon())
				}
				if !errors.Is(err, ErrSuccession) {
					t.Errorf("the successor: %v", err)
				}
			})
			ctx, cancel := context.WithCancel(t.Context())
			passing, err := d.Offer(ctx, ours)
			if stopped := err == nil; stopped != c.stops {
				t.Errorf("the donor has stopped: %v, want %v (%v)", stopped, c.stops, err)
			}
			if err == nil {
				between := func() error { return nil }
				if c.between != nil {
					between = func() error { return c.between }
				}
				err = passing.Pass(ctx, between)
			}
			if !errors.Is(err, ErrSuccession) {
				t.Errorf("the donor: %v", err)
			}
			cancel()
			_ = ours.Close()
			inheriting.Wait()
			if c.stops {
				if d, err = passing.Reopen(); err != nil {
					t.Fatal(err)
				}
				serveUntilPassed(t, d)
				<-s.Cut()
				if err := s.Resume(t.Context()); err != nil {
					t.Fatal(err)
				}
				qp = r.connect(s)
			}
			r.wantPage(qp, key, 0, 0x42)
			mapSlab(t, s, 2, false)
			_ = succeed(t, d, testConfig()) // and it can be handed over after all
			<-s.Cut()
			if err := s.Resume(t.Context()); err != nil {
				t.Fatal(err)
			}
			r.wantPage(r.connect(s), key, 0, 0x42)
		})
	}
}

// TestSuccessorServesWhenTheOtherDies: the process before ends after it has told all, and before it could tell
// the successor to serve. Nobody else has what the successor has.
func TestSuccessorServesWhenTheOtherDies(t *testing.T) {
	cfg := testConfig()
	old := serveOnly(t, cfg)
	s := dial(t, old, patient(control.NewUUID(), time.Hour))
	key := mapSlab(t, s, 1, false)
	passing, ours, inherited := offerTo(t, old, cfg)
	passing.stop()
	if err := sendLetter(ours, passing.left.estate); err != nil {
		t.Fatal(err)
	}
	h := <-inherited
	_ = ours.Close()
	if err := h.Confirm(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := passing.Release(); err != nil {
		t.Error(err)
	}
	serveDonor(t, h.Donor())
	<-s.Cut()
	if err := s.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := newReach(t)
	r.wantPage(r.connect(s), key, 0, 0)
}

// TestSchemas: a program takes over from its own release and the one before, and from no other.
func TestSchemas(t *testing.T) {
	for schema := -1; schema < estateSchema+3; schema++ {
		err := checkSchema(schema)
		if want := schema > 0 && (schema == estateSchema || schema == estateSchema-1); (err == nil) != want {
			t.Errorf("version %d: %v", schema, err)
		}
		o := offer{Schema: schema, Name: "donor-1", Listen: "127.0.0.1:0", Insecure: true}
		if (err == nil) != (o.check(testConfig()) == nil) {
			t.Errorf("an offer of version %d: %v", schema, o.check(testConfig()))
		}
		if err != nil && !errors.Is(err, ErrSuccession) {
			t.Errorf("version %d: %v", schema, err)
		}
	}
}

// TestNextReleaseIsRead: what this release does not know of the next one's words is passed over.
func TestNextReleaseIsRead(t *testing.T) {
	ours, theirs := pair(t)
	text := `{"Schema":1,"Sessions":7,"Later":{"x":[1]},"Devices":[{"UUID":[1,2,0,0,0,0,0,0,0,0,0,0,0,0,0,3],"Name":"d","SlabSize":4194304,"New":true,"Slabs":[{"Index":1,"Area":{"Offset":2097152,"Size":4194304},"Key":5}]}]}`
	if _, err := ours.Write(append(binary.LittleEndian.AppendUint32(nil, uint32(len(text))), text...)); err != nil {
		t.Fatal(err)
	}
	var e estate
	if err := readLetter(theirs, &e); err != nil || e.Sessions != 7 || len(e.Devices) != 1 || e.Devices[0].Slabs[0].Key != 5 {
		t.Errorf("%+v, %v", e, err)
	}
	again, err := json.Marshal(e)
	if err != nil || !bytes.Contains(again, []byte(`"UUID":[1,2,0,0,0,0,0,0,0,0,0,0,0,0,0,3]`)) {
		t.Errorf("it would be written as %s, %v", again, err)
	}
}

// adapterLike is a machine whose transport cannot go on with keys and sockets, as RDMA cannot.
func adapterLike() network {
	n := tcpOnly()
	listen := n.tcp
	n.tcp = func(addr string, cfg tcp.Config) (verbs.Server, error) {
		s, err := listen(addr, cfg)
		return struct{ verbs.Server }{s}, err
	}
	return n
}

// TestKeysOfAnAdapterEnd: the device hears which slabs to claim anew, and claims them with their content.
func TestKeysOfAnAdapterEnd(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg := testConfig()
	cfg.DataListen, cfg.Lease = free.Addr().String(), time.Millisecond
	_ = free.Close()
	old, err := open(cfg, adapterLike(), nil)
	if err != nil {
		t.Fatal(err)
	}
	serveUntilPassed(t, old)
	s := dial(t, old, patient(control.NewUUID(), time.Hour))
	r := newReach(t)
	qp := r.connect(s)
	before := map[uint32]verbs.Key{}
	for i := range uint32(2) {
		before[i] = mapSlab(t, s, i, false)
		if st := r.write(qp, before[i], 0, byte(i+1)); st != verbs.StatusOK {
			t.Fatal(st)
		}
	}
	d := succeedOver(t, old, cfg, adapterLike())
	<-s.Cut()
	time.Sleep(20 * cfg.Lease) // it does not end before the claims
	if err := s.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := s.Lapsed(); !slices.Equal(got, []uint32{0, 1}) {
		t.Fatalf("to be claimed: %v", got)
	}
	qp = r.connect(s)
	for i, was := range before {
		key := mapSlab(t, s, i, true)
		if key == was {
			t.Errorf("slab %d has the key of before", i)
		}
		r.wantPage(qp, key, 0, byte(i+1))
	}
	if st := d.Status(); len(st.Leases) != 0 || st.Memory.Mapped != 2*slabSize {
		t.Errorf("%+v", st)
	}
}
