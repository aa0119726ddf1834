package donor

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/internal/memory"
	"github.com/farswap/farswap/offheap"
	"github.com/farswap/farswap/uring"
	"github.com/farswap/farswap/verbs"
	"github.com/farswap/farswap/verbs/rdma"
	"github.com/farswap/farswap/verbs/tcp"
)

func TestMain(m *testing.M) {
	// The first use of the network opens the runtime's own descriptors, which
	// checkFDs must not count.
	if l, err := net.Listen("tcp", "127.0.0.1:0"); err == nil {
		_ = l.Close()
	}
	goleak.VerifyTestMain(m)
}

const slabSize = control.MinSlab

// quick finds lost peers within the time of a test.
var quick = control.Timing{Ping: 20 * time.Millisecond, Missed: 50}

func testConfig() Config {
	return Config{
		Name: "donor-1", Listen: "127.0.0.1:0", Insecure: true, Memory: 8 * slabSize, Ahead: 1,
		Lease: time.Hour, Timing: quick, Log: zerolog.Nop(),
		Sampler: plenty{}, Tick: 10 * time.Millisecond,
	}
}

// plenty is a machine with far more memory than any test lends.
type plenty struct{}

func (plenty) Sample() (memory.Sample, error) {
	return memory.Sample{Available: 900 << 30, Total: 1 << 40}, nil
}

// lend serves a donor until the test ends, and checks that it leaves no descriptor and no mapping
// behind.
func lend(t testing.TB, cfg Config) *Donor { return lendOver(t, cfg, tcpOnly()) }

// lendThrough puts a faulty server between the donor and the real one.
func lendThrough(t *testing.T, cfg Config, f *faultyServer) *Donor {
	n := tcpOnly()
	listen := n.tcp
	n.tcp = func(addr string, cfg tcp.Config) (verbs.Server, error) {
		var err error
		f.Server, err = listen(addr, cfg)
		return f, err
	}
	return lendOver(t, cfg, n)
}

// tcpOnly is a machine without RDMA, on whatever machine the test runs.
func tcpOnly() network {
	n := machineNetwork()
	n.rdma = func(string, rdma.Config) (verbs.Server, error) { return nil, verbs.ErrUnavailable }
	return n
}

func lendOver(t testing.TB, cfg Config, n network) *Donor {
	t.Helper()
	checkFDs(t)
	d, err := open(cfg, n, nil)
	if err != nil {
		t.Fatal(err)
	}
	serveDonor(t, d)
	return d
}

// serveDonor serves a donor until the test ends, and checks that it leaves no memory behind.
func serveDonor(t testing.TB, d *Donor) {
	t.Helper()
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := d.Serve(context.Background()); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		serving.Wait()
		d.pool.mu.Lock()
		defer d.pool.mu.Unlock()
		if d.pool.taken != 0 || d.pool.mapped != 0 {
			t.Errorf("%d bytes taken and %d mapped after Close", d.pool.taken, d.pool.mapped)
		}
	})
}

func checkFDs(t testing.TB) {
	t.Helper()
	count := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	before := count()
	t.Cleanup(func() {
		for range 100 {
			if count() <= before {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Errorf("%d descriptors open, %d before the test", count(), before)
	})
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for range 2000 {
		if ok() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("never: %s", what)
}

func dialConfig(uuid control.UUID) control.DialConfig {
	return control.DialConfig{Device: uuid, Name: "dev-1", SlabSize: slabSize, Insecure: true, Timing: quick}
}

func dial(t testing.TB, d *Donor, cfg control.DialConfig) *control.Session {
	t.Helper()
	s, err := control.Dial(t.Context(), d.Addr(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// authority returns a function that issues identities of one CA.
func authority(t *testing.T) func(name string) *control.Identity {
	t.Helper()
	dir := t.TempDir()
	ca := filepath.Join(dir, "ca")
	if err := control.InitCA(ca, "ca"); err != nil {
		t.Fatal(err)
	}
	issued := make(map[string]*control.Identity)
	return func(name string) *control.Identity {
		t.Helper()
		if id := issued[name]; id != nil {
			return id
		}
		out := filepath.Join(dir, name)
		if err := control.Issue(ca, out, name, []string{"127.0.0.1"}); err != nil {
			t.Fatal(err)
		}
		id, err := control.LoadIdentity(out)
		if err != nil {
			t.Fatal(err)
		}
		issued[name] = id
		return id
	}
}

func mapSlab(t testing.TB, s *control.Session, slab uint32, claim bool) verbs.Key {
	t.Helper()
	return mapSlabOver(t, s, slab, claim, "")
}

func mapSlabOver(t testing.TB, s *control.Session, slab uint32, claim bool, transport string) verbs.Key {
	t.Helper()
	info, err := s.Map(t.Context(), slab, slabSize, claim, transport)
	if err != nil {
		t.Fatal(err)
	}
	return verbs.Key(info.Key)
}

// reach is the data path of a device: one loop on the thread of the test.
type reach struct {
	t    *testing.T
	dev  *tcp.Device
	loop *uring.Loop
	page []byte
}

func newReach(t *testing.T) *reach {
	t.Helper()
	runtime.LockOSThread()
	loop, err := uring.NewLoop(uring.Config{Entries: 64})
	if err != nil {
		t.Fatal(err)
	}
	dev, err := tcp.Open(tcp.Config{})
	if err != nil {
		t.Fatal(err)
	}
	page, err := offheap.Map(4096, offheap.Options{Populate: true})
	if err != nil {
		t.Fatal(err)
	}
	region, err := dev.Register(page)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, end := range []func() error{region.Close, dev.Close, loop.Close, func() error { return offheap.Unmap(page) }} {
			if err := end(); err != nil {
				t.Error(err)
			}
		}
		runtime.UnlockOSThread()
	})
	return &reach{t, dev, loop, page}
}

// connect opens a data connection with the session's credential.
func (r *reach) connect(s *control.Session) verbs.QP {
	r.t.Helper()
	return r.connectOver(s, "tcp")
}

// credentialOf is what a device shows on data connections of a session.
func credentialOf(s *control.Session) verbs.Credential {
	w := s.Welcome()
	return verbs.Credential{Session: verbs.SessionID(w.Session), Secret: w.Secret}
}

func (r *reach) connectOver(s *control.Session, transport string) verbs.QP {
	r.t.Helper()
	return r.connectAt(s, s.DataAddress(transport))
}

// connectAt opens a data connection of the session at an address, such as a proxy's.
func (r *reach) connectAt(s *control.Session, address string) verbs.QP {
	r.t.Helper()
	conn, err := r.dev.Connect(r.t.Context(), address, credentialOf(s), verbs.QPConfig{})
	if err != nil {
		r.t.Fatal(err)
	}
	qp, err := conn.Attach(r.loop, func() {})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		qp.Fail(nil)
		r.drain(qp)
		if err := qp.Close(); err != nil {
			r.t.Error(err)
		}
	})
	return qp
}

func (r *reach) drain(qp verbs.QP) verbs.Status {
	r.t.Helper()
	var c [1]verbs.Completion
	for deadline := time.Now().Add(10 * time.Second); qp.Outstanding() > 0; {
		if qp.Poll(c[:]) == 0 {
			if err := r.loop.Pass(10 * time.Millisecond); err != nil {
				r.t.Fatal(err)
			}
		}
		if time.Now().After(deadline) {
			r.t.Fatal("an operation never completes")
		}
	}
	return c[0].Status
}

func (r *reach) do(qp verbs.QP, op verbs.Opcode, key verbs.Key, offset uint64) verbs.Status {
	r.t.Helper()
	if err := qp.Post(&verbs.WR{Op: op, Local: r.page, Remote: offset, Key: key}); err != nil {
		return verbs.StatusFlushed
	}
	qp.Doorbell()
	return r.drain(qp)
}

// write fills a remote page with a byte.
func (r *reach) write(qp verbs.QP, key verbs.Key, offset uint64, b byte) verbs.Status {
	r.t.Helper()
	for i := range r.page {
		r.page[i] = b
	}
	return r.do(qp, verbs.OpWrite, key, offset)
}

// wantPage reads a remote page and compares every byte.
func (r *reach) wantPage(qp verbs.QP, key verbs.Key, offset uint64, b byte) {
	r.t.Helper()
	if st := r.do(qp, verbs.OpRead, key, offset); st != verbs.StatusOK {
		r.t.Fatalf("read at %d: %v", offset, st)
	}
	for i, got := range r.page {
		if got != b {
			r.t.Fatalf("byte %d is %d, want %d", uint64(i)+offset, got, b)
		}
	}
}
