package swapdev

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/cluster"
	daemon "github.com/farswap/farswap/donor"
	"github.com/farswap/farswap/offheap"
	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/swapdev/lenders"
	"github.com/farswap/farswap/swapdev/path"
	"github.com/farswap/farswap/ublk"
	"github.com/farswap/farswap/uring"
	"github.com/farswap/farswap/verbs"
	"github.com/farswap/farswap/verbs/faulty"
	"github.com/farswap/farswap/verbs/tcp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	testSlab = slabmap.MinSlabSize
	testPage = slabmap.PageSize
)

// fakeQueue stands in for the kernel's side of one ublk queue: tags, buffers
// and a thread.
type fakeQueue struct {
	index  int
	spec   ublk.Spec
	loop   *uring.Loop
	arena  []byte
	bufs   []int
	free   []int
	server ublk.Server

	tags    chan int
	results []chan int32
	onDone  func(tag int, res int32) // instead of results, for benchmarks
}

func (q *fakeQueue) Index() int            { return q.index }
func (q *fakeQueue) Depth() int            { return q.spec.Depth }
func (q *fakeQueue) Loop() *uring.Loop     { return q.loop }
func (q *fakeQueue) Arena() []byte         { return q.arena }
func (q *fakeQueue) Buffer(tag int) []byte { return q.BufferAt(q.bufs[tag]) }
func (q *fakeQueue) BufferAt(buf int) []byte {
	return q.arena[buf*q.spec.MaxIO : (buf+1)*q.spec.MaxIO]
}

func (q *fakeQueue) Detach(tag int) (int, bool) {
	fresh, ok := q.TakeSpare()
	if !ok {
		return 0, false
	}
	buf := q.bufs[tag]
	q.bufs[tag] = fresh
	return buf, true
}

func (q *fakeQueue) TakeSpare() (int, bool) {
	if len(q.free) == 0 {
		return 0, false
	}
	last := len(q.free) - 1
	buf := q.free[last]
	q.free = q.free[:last]
	return buf, true
}

func (q *fakeQueue) Release(buf int) { q.free = append(q.free, buf) }

func (q *fakeQueue) Complete(tag int, res int32) {
	if q.onDone != nil {
		q.onDone(tag, res)
		return
	}
	q.results[tag] <- res
}

func (q *fakeQueue) RegisterFile(slot int, fd int32) error {
	return q.loop.Ring().UpdateFile(slot, fd)
}

// open makes the queue on the calling, locked thread.
func (q *fakeQueue) open(e *engine) error {
	var err error
	if q.loop, err = uring.NewLoop(uring.Config{Entries: 256, CQEntries: 1024, KeepProc: true}); err != nil {
		return err
	}
	n := q.spec.Depth + q.spec.Spare
	if q.arena, err = offheap.Map(n*q.spec.MaxIO, offheap.Options{Populate: true}); err != nil {
		return err
	}
	q.bufs, q.free = make([]int, q.spec.Depth), make([]int, 0, n)
	q.tags, q.results = make(chan int, q.spec.Depth), make([]chan int32, q.spec.Depth)
	for i := range n {
		if i >= q.spec.Depth {
			q.free = append(q.free, i)
			continue
		}
		q.bufs[i], q.results[i] = i, make(chan int32, 1)
		q.tags <- i
	}
	iov := []unix.Iovec{{Base: &q.arena[0], Len: uint64(len(q.arena))}}
	err = errors.Join(q.loop.Ring().RegisterBuffers(iov), q.loop.Ring().RegisterFiles([]int32{-1, -1}))
	if err != nil {
		return err
	}
	q.server, err = e.open(q)
	return err
}

func (q *fakeQueue) close() error {
	return errors.Join(q.server.Close(), q.loop.Close(), offheap.Unmap(q.arena))
}

// do carries out one request from any goroutine; data is read or filled.
func (q *fakeQueue) do(op ublk.Op, offset int64, data []byte, length int) int32 {
	tag := <-q.tags
	q.loop.Post(func() {
		if op == ublk.OpWrite {
			copy(q.Buffer(tag), data)
		} else if op == ublk.OpRead {
			b := q.Buffer(tag)[:length]
			for i := range b {
				b[i] = 0xa5 // a read that fills nothing must not pass
			}
		}
		q.server.Serve(tag, ublk.Desc{Op: op, Offset: offset, Length: length})
	})
	res := <-q.results[tag]
	if op == ublk.OpRead && res > 0 {
		copy(data, q.Buffer(tag)[:res])
	}
	q.tags <- tag
	return res
}

// rig is a device on fake queues, with real donors over TCP on loopback.
type rig struct {
	t       testing.TB
	cfg     Config
	engine  *engine
	queues  []*fakeQueue
	donors  []*testDonor
	local   *path.BackingFile
	stop    chan struct{}
	threads sync.WaitGroup
}

// testDonor can be killed and started again at the same addresses.
type testDonor struct {
	t       testing.TB
	cfg     daemon.Config
	address string // "" before the first start
	donor   *daemon.Donor
	cancel  context.CancelFunc
	done    chan error
}

func startDonor(t testing.TB, memory int64) *testDonor {
	return startDonorAs(t, memory, func(*daemon.Config) {})
}

func startDonorAs(t testing.TB, memory int64, change func(*daemon.Config)) *testDonor {
	d := &testDonor{t: t, cfg: daemon.Config{
		DataListen: "127.0.0.1:0", Memory: memory, Ahead: -1, Lease: time.Minute,
		Insecure: true, Unlocked: true, Log: zerolog.Nop(),
	}}
	change(&d.cfg)
	d.start()
	return d
}

func (d *testDonor) start() {
	d.t.Helper()
	var err error
	for range 100 {
		// Not one of the ports that connections take: a donor comes back at its own.
		if d.address == "" {
			port := 20000 + rand.IntN(10000)
			d.cfg.Listen = fmt.Sprintf("127.0.0.1:%d", port)
			if d.cfg.Name == "" {
				d.cfg.Name = fmt.Sprintf("donor-%d", port)
			}
		}
		if d.donor, err = daemon.Open(d.cfg); err == nil {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if err != nil {
		d.t.Fatal(err)
	}
	d.address = d.cfg.Listen
	ctx, cancel := context.WithCancel(context.Background())
	d.cancel, d.done = cancel, make(chan error, 1)
	go func() { d.done <- d.donor.Serve(ctx) }()
}

func (d *testDonor) kill() {
	if d.donor == nil {
		return
	}
	d.cancel()
	<-d.done
	if err := d.donor.Close(); err != nil {
		d.t.Error(err)
	}
	d.donor = nil
}

type rigOptions struct {
	donors  int
	memory  int64 // of each donor
	lend    func(donor int, cfg *daemon.Config)
	queues  int
	spare   int
	wrap    func(verbs.Device) verbs.Device
	inline  bool // the test drives the one queue itself
	prepare func(*Config)
	frozen  bool // the backing file refuses writes
	source  cluster.Source

	transports []*lenders.Transport // instead of TCP
}

// newFaultyRig has a device between the engine and its donors that does well until told
// otherwise, by SetPlan.
func newFaultyRig(t testing.TB, o rigOptions) (*rig, *faulty.Device) {
	t.Helper()
	var device *faulty.Device
	o.wrap = func(d verbs.Device) verbs.Device {
		device = faulty.Wrap(d, faulty.Plan{})
		return device
	}
	r := newRig(t, o)
	return r, device
}

func newRig(t testing.TB, o rigOptions) *rig {
	t.Helper()
	if o.memory == 0 {
		o.memory = 16 * testSlab
	}
	r := &rig{t: t, stop: make(chan struct{})}
	r.cfg = Config{
		ID: -1, Size: 6*testSlab + 5*testPage, SlabSize: testSlab, Queues: max(o.queues, 1), Depth: 16, MaxIO: 64 << 10,
		Backing: filepath.Join(t.TempDir(), "backing"), Insecure: true, HotThreshold: 0.001,
		OpTimeout: 500 * time.Millisecond, Patience: 20 * time.Second, Log: zerolog.Nop(),
	}
	if o.lend == nil {
		o.lend = func(int, *daemon.Config) {}
	}
	for i := range o.donors {
		d := startDonorAs(t, o.memory, func(c *daemon.Config) { o.lend(i, c) })
		r.donors = append(r.donors, d)
		r.cfg.Donors = append(r.cfg.Donors, d.cfg.Listen)
	}
	if o.prepare != nil {
		o.prepare(&r.cfg)
	}
	r.cfg = r.cfg.withDefaults()
	r.openEngine(o)
	t.Cleanup(r.close)
	return r
}

func (r *rig) openEngine(o rigOptions) {
	t := r.t
	var err error
	if r.cfg.Backing != NoBacking {
		if r.local, err = path.OpenBacking(r.cfg.Backing, r.cfg.Size); err != nil {
			t.Fatal(err)
		}
	}
	if o.frozen {
		f, err := os.OpenFile(r.cfg.Backing, os.O_RDONLY|unix.O_DIRECT, 0)
		if err == nil {
			err = errors.Join(unix.Dup3(int(f.Fd()), int(r.local.FD()), unix.O_CLOEXEC), f.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if o.transports == nil {
		o.transports = []*lenders.Transport{overTCP(o.wrap)}
	}
	if r.engine, err = newEngine(r.cfg, o.transports, r.local); err != nil {
		t.Fatal(err)
	}
	if o.spare != 0 {
		r.engine.spec.Spare = o.spare
	}
	r.engine.cluster = o.source
	sessions, err := r.engine.donors.Reach(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := range r.engine.spec.Queues {
		q := &fakeQueue{index: i, spec: r.engine.spec}
		r.queues = append(r.queues, q)
		if o.inline {
			runtime.LockOSThread()
			if err := q.open(r.engine); err != nil {
				t.Fatal(err)
			}
			continue
		}
		opened := make(chan error)
		r.threads.Go(func() { r.thread(q, opened) })
		if err := <-opened; err != nil {
			t.Fatal(err)
		}
	}
	r.engine.start(sessions)
}

// overTCP is TCP, with a device around it.
func overTCP(wrap func(verbs.Device) verbs.Device) *lenders.Transport {
	return lenders.NewTransport(lenders.TransportTCP, func() (verbs.Device, error) {
		d, err := tcp.Open(tcp.Config{})
		if err != nil || wrap == nil {
			return d, err
		}
		return wrap(d), nil
	})
}

// thread is what a ublk queue's thread does.
func (r *rig) thread(q *fakeQueue, opened chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := q.open(r.engine)
	opened <- err
	if err != nil {
		return
	}
	stopped := false
	go func() {
		<-r.stop
		q.loop.Post(func() { stopped = true })
	}()
	for !stopped || !q.server.Idle() {
		if err := q.loop.Pass(-1); err != nil {
			r.t.Error(err)
			return
		}
	}
	if err := q.close(); err != nil {
		r.t.Error(err)
	}
	if len(q.free) != q.spec.Spare {
		r.t.Errorf("queue %d: %d buffers are free at the end, of %d", q.index, len(q.free), q.spec.Spare)
	}
}

func (r *rig) close() {
	close(r.stop)
	r.threads.Wait()
	if r.queues[0].onDone != nil {
		for !r.queues[0].server.Idle() {
			_ = r.queues[0].loop.Pass(time.Millisecond)
		}
		if err := r.queues[0].close(); err != nil {
			r.t.Error(err)
		}
		runtime.UnlockOSThread()
	}
	if err := errors.Join(r.engine.close(), r.local.Close()); err != nil {
		r.t.Error(err)
	}
	for _, d := range r.donors {
		d.kill()
	}
}

// queue picks one by turns.
func (r *rig) queue(i int) *fakeQueue { return r.queues[i%len(r.queues)] }

// pageFactor spreads page numbers over a word.
const pageFactor = 0x9e3779b97f4a7c15

// fill makes the content of a page from its number and version.
func fill(b []byte, page int64, version uint64) {
	for i := 0; i < len(b); i += 16 {
		binary.LittleEndian.PutUint64(b[i:], uint64(page)*pageFactor+uint64(i))
		binary.LittleEndian.PutUint64(b[i+8:], version*0xbf58476d1ce4e5b9^uint64(i))
	}
}

func content(page int64, version uint64, pages int) []byte {
	b := make([]byte, pages*testPage)
	if version == 0 {
		return b
	}
	for i := range pages {
		fill(b[i*testPage:(i+1)*testPage], page+int64(i), version)
	}
	return b
}

func (r *rig) write(queue int, page int64, version uint64, pages int) {
	r.t.Helper()
	if res := r.queue(queue).do(ublk.OpWrite, page*testPage, content(page, version, pages), pages*testPage); res != int32(pages*testPage) {
		r.t.Fatalf("write of page %d: %d", page, res)
	}
}

func (r *rig) read(queue int, page int64, version uint64, pages int) {
	r.t.Helper()
	got := make([]byte, pages*testPage)
	if res := r.queue(queue).do(ublk.OpRead, page*testPage, got, len(got)); res != int32(len(got)) {
		r.t.Fatalf("read of page %d: %d", page, res)
	}
	if want := content(page, version, pages); !bytes.Equal(got, want) {
		for i := range got {
			if got[i] != want[i] {
				r.t.Fatalf("page %d, version %d: wrong from byte %d on: %x, want %x", page, version, i, got[i:min(i+16, len(got))], want[i:min(i+16, len(got))])
			}
		}
	}
}

// until waits for a condition that others bring about.
func (r *rig) until(what string, ok func() bool) {
	r.t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			r.t.Fatalf("%s: not after 20s: %s", what, r.describe())
		}
	}
}

func (r *rig) describe() string {
	s := r.engine.report()
	return fmt.Sprintf("pages %+v, io %+v, donors %+v", s.Pages, s.IO, s.Donors)
}

// mapped counts the slabs that are on a donor.
func (r *rig) mapped() int {
	n := 0
	for _, h := range r.engine.holds() {
		n += h
	}
	return n
}

// heat has the slabs of the device mapped: it writes a page of each until they
// are.
func (r *rig) heat(slabs ...int) {
	r.t.Helper()
	r.until("slabs are mapped", func() bool {
		all := true
		for _, s := range slabs {
			if r.engine.pages.Slab(s).State != slabmap.Mapped {
				all = false
				first, _ := r.engine.pages.Geometry().PageRange(s)
				r.write(0, first, 1, 1)
			}
		}
		return all
	})
}

// spoil overwrites pages of the backing file, as a bad disk would.
func (r *rig) spoil(page int64, pages int) {
	r.t.Helper()
	f, err := os.OpenFile(r.cfg.Backing, os.O_RDWR, 0)
	if err != nil {
		r.t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(bytes.Repeat([]byte{0xee}, pages*testPage), page*testPage); err != nil {
		r.t.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		r.t.Fatal(err)
	}
}
