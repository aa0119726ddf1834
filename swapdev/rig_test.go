package swapdev

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/cluster"
	daemon "github.com/farswap/farswap/donor"
	"github.com/farswap/farswap/internal/memory"
	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/swapdev/lenders"
	"github.com/farswap/farswap/swapdev/path"
	"github.com/farswap/farswap/ublk"
	"github.com/farswap/farswap/ublk/ublktest"
	"github.com/farswap/farswap/verbs"
	"github.com/farswap/farswap/verbs/faulty"
	"github.com/farswap/farswap/verbs/tcp"
)

func TestMain(m *testing.M) {
	if part := os.Getenv(partVar); part != "" {
		os.Exit(play(part))
	}
	// The log of opened files, by which go test reuses results, is written at any time: also while
	// the limit of full is in force, which would fail all tests in the end.
	flag.Parse()
	if err := flag.Set("test.testlogfile", ""); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

const (
	testSlab = slabmap.MinSlabSize
	testPage = slabmap.PageSize
)

// testQueue is a simulated queue of the device.
type testQueue struct{ *ublktest.Queue }

// do carries out one request from any goroutine; data is read or filled.
func (q testQueue) do(op ublk.Op, offset int64, data []byte, length int) int32 {
	return q.Do(ublk.Desc{Op: op, Offset: offset, Length: length}, data)
}

// rig is a device on simulated queues, with real donors over TCP on loopback.
type rig struct {
	t      testing.TB
	cfg    Config
	engine *engine
	device *ublktest.Device // nil if inline
	bench  *ublktest.Bench  // nil unless inline
	donors []*testDonor
	local  *path.BackingFile
	closed bool
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
	d.cfg.Sampler = ownMachine{d}
	change(&d.cfg)
	d.start()
	return d
}

// ownMachine is a machine with plenty of memory, on which nothing runs but a donor. Donors
// that shared the real one would be compared by what other programs did between two looks.
type ownMachine struct{ d *testDonor }

func (m ownMachine) Sample() (memory.Sample, error) {
	s := memory.Sample{Available: 900 << 30, Total: 1 << 40}
	if m.d.donor != nil { // not its first look
		s.Available -= m.d.donor.Status().Memory.Mapped
	}
	return s, nil
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
	frozen  bool                    // the backing file refuses writes
	replace func(*path.BackingFile) // puts something else in the place of the backing file
	source  cluster.Source
	before  func(*engine)     // it starts
	alike   *rig              // another server of its device; nil: it has a device of its own
	opened  func(*ublk.Queue) // called on the thread of each queue that opens; not if inline

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
	r := &rig{t: t}
	r.cfg = Config{
		ID: -1, Size: 6*testSlab + 5*testPage, SlabSize: testSlab, Queues: max(o.queues, 1), Depth: 16, MaxIO: 64 << 10,
		Backing: filepath.Join(t.TempDir(), "backing"), Insecure: true, HotThreshold: 0.001,
		OpTimeout: 500 * time.Millisecond, Patience: 20 * time.Second, Log: zerolog.Nop(),
		Late: time.Minute, otherDeadline: time.Minute, // however slow the machine is
		BackingInMemory: true, // the folder of tests may be
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
		if r.local, err = path.OpenBacking(t.Context(), r.cfg.backing()); err != nil {
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
	if o.replace != nil {
		o.replace(r.local)
	}
	if o.transports == nil {
		o.transports = []*lenders.Transport{overTCP(o.wrap)}
	}
	life, err := newLife(r.cfg, false)
	if err != nil {
		t.Fatal(err)
	}
	if o.alike != nil {
		life.device = o.alike.engine.life.device
	}
	if r.engine, err = newEngine(r.cfg, life, o.transports, r.local); err != nil {
		t.Fatal(err)
	}
	if o.spare != 0 {
		r.engine.spec.Spare = o.spare
	}
	r.engine.cluster = o.source
	if o.before != nil {
		o.before(r.engine)
	}
	sessions, err := r.engine.donors.Reach(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if o.inline {
		r.bench = ublktest.OpenBench(t, r.engine, r.engine.spec)
	} else {
		r.device = ublktest.Open(t, &observed{r.engine, o.opened}, r.engine.spec)
	}
	r.engine.start(sessions)
}

// observed is an engine that tells which queues it opens.
type observed struct {
	*engine
	opened func(*ublk.Queue) // nil: nobody is told
}

func (w *observed) OpenQueue(q *ublk.Queue) (ublk.Server, error) {
	if w.opened != nil {
		w.opened(q)
	}
	return w.engine.OpenQueue(q)
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

// close ends the device, and then its donors. It does nothing the second time.
func (r *rig) close() {
	if r.closed {
		return
	}
	r.closed = true
	var err error
	if r.bench != nil {
		err = r.bench.Close()
	} else {
		err = r.device.Close()
	}
	if err := errors.Join(err, r.engine.close(), r.local.Close()); err != nil {
		r.t.Error(err)
	}
	for _, d := range r.donors {
		d.kill()
	}
}

// queue picks one by turns.
func (r *rig) queue(i int) testQueue {
	queues := r.device.Queues()
	return testQueue{queues[i%len(queues)]}
}

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

// settle waits until no copy of pages is on its way.
func (r *rig) settle(page int64, pages int) {
	r.t.Helper()
	r.until("pages are where they are going", func() bool {
		for i := range int64(pages) {
			if r.engine.pages.Look(page + i).Pending {
				return false
			}
		}
		return true
	})
}

// until waits for a condition that others bring about. It is patient, because the machine
// may have other things to do.
func (r *rig) until(what string, ok func() bool) {
	r.t.Helper()
	r.within(time.Minute, what, ok)
}

// within is until with a limit.
func (r *rig) within(limit time.Duration, what string, ok func() bool) {
	r.t.Helper()
	for end := time.Now().Add(limit); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			r.t.Fatalf("%s: not after %v: %s", what, limit, r.describe())
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
