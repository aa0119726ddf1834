package swapdev

import (
	"bytes"
	"encoding/binary"
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/ublk"
	"github.com/farswap/farswap/verbs"
	"github.com/farswap/farswap/verbs/faulty"
)

// historyTime is the length of each history; ./do soak makes it long.
var historyTime = flag.Duration("history", 2*time.Second, "length of each random history")

// history does random requests from several workers and holds every answer
// against a model. Workers lock the pages that they touch, through any queue:
// what one has been answered, the next one must see.
type history struct {
	*rig
	mu       []sync.Mutex // by page, taken in ascending order
	versions []uint64     // by page; 0: zeros
	unknown  []bool       // by page; a write of it has failed

	// excuse says whether the fault of the moment explains that a request fails. nil: no
	// fault does.
	excuse  func(asked) bool
	excused atomic.Uint64 // requests that have failed and were excused
}

// asked is a request of a history.
type asked struct {
	op    ublk.Op
	page  int64
	pages int64
	began time.Time
	views []slabmap.View // of its pages when it began
}

// requestLimit is longer than any request may take, whatever the fault and however busy the
// machine. A request that takes longer hangs.
const requestLimit = 4 * time.Minute

// ask carries out one request, and reports whether it succeeded. An error needs an excuse.
// If the request hangs, the test ends with the stacks of all goroutines.
func (h *history) ask(q testQueue, op ublk.Op, page, n int64, data []byte) bool {
	a := asked{op: op, page: page, pages: n, began: time.Now()}
	if h.excuse != nil {
		a.views = h.look(page, n)
	}
	hangs := time.AfterFunc(requestLimit, func() {
		panic(fmt.Sprintf("%v of pages %d to %d is not answered after %v; the first is %+v, its slab %+v", op, page, page+n, requestLimit,
			h.engine.pages.Look(page), h.engine.pages.Slab(h.engine.pages.SlabOf(page))))
	})
	defer hangs.Stop()
	want := int32(0)
	if op == ublk.OpRead || op == ublk.OpWrite {
		want = int32(n * testPage)
	}
	res := q.do(op, page*testPage, data, int(n)*testPage)
	switch {
	case res == want:
		return true
	case res == -int32(unix.EIO) && h.excuse != nil && h.excuse(a):
		h.excused.Add(1)
	default:
		h.t.Errorf("%v of pages %d to %d: %d, want %d; before: %+v; now: %+v; %s", op, page, page+n, res, want, a.views, h.look(page, n), h.describe())
	}
	return false
}

// look is what the map says of some pages.
func (h *history) look(page, n int64) (views []slabmap.View) {
	for p := page; p < page+n; p++ {
		views = append(views, h.engine.pages.Look(p))
	}
	return views
}

func newHistory(r *rig) *history {
	n := r.cfg.Size / testPage
	return &history{rig: r, mu: make([]sync.Mutex, n), versions: make([]uint64, n), unknown: make([]bool, n)}
}

// run has workers do requests until stop is closed, and returns how many.
func (h *history) run(workers int, seed uint64, stop <-chan struct{}) int {
	total := make([]int, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(seed, uint64(w)))
			for !h.t.Failed() {
				select {
				case <-stop:
					return
				default:
				}
				h.step(rng)
				total[w]++
			}
		})
	}
	wg.Wait()
	sum := 0
	for _, n := range total {
		sum += n
	}
	return sum
}

func (h *history) step(rng *rand.Rand) {
	n := int64(1 + rng.IntN(16))
	// A hot part and the whole: pages are written again soon, and slabs mapped.
	span := int64(len(h.versions)) - n + 1
	if rng.IntN(2) == 0 {
		span = min(span, 300)
	}
	page := rng.Int64N(span)
	for i := page; i < page+n; i++ {
		h.mu[i].Lock()
		defer h.mu[i].Unlock()
	}
	q := h.queue(rng.IntN(len(h.device.Queues())))
	switch rng.IntN(10) {
	case 0:
		if h.ask(q, ublk.OpDiscard, page, n, nil) {
			h.set(page, n, 0)
		} else { // some may be forgotten
			h.forget(page, n)
		}
	case 1, 2, 3, 4:
		h.put(q, page, n, rng.Uint64()|1)
	case 5:
		for p := page; p < page+n; p++ { // in order: pages beyond are fetched ahead
			h.check(q, p, 1)
		}
	default:
		h.check(q, page, n)
	}
}

func (h *history) set(page, n int64, version uint64) {
	for i := page; i < page+n; i++ {
		h.versions[i], h.unknown[i] = version, false
	}
}

// put writes pages. After a failure nobody knows what they hold.
func (h *history) put(q testQueue, page, n int64, version uint64) {
	if h.ask(q, ublk.OpWrite, page, n, content(page, version, int(n))) {
		h.set(page, n, version)
		return
	}
	h.forget(page, n)
}

// forget says that nobody knows what pages hold.
func (h *history) forget(page, n int64) {
	for i := page; i < page+n; i++ {
		h.unknown[i] = true
	}
}

func (h *history) check(q testQueue, page, n int64) {
	got := make([]byte, n*testPage)
	if !h.ask(q, ublk.OpRead, page, n, got) {
		return
	}
	for i := range n {
		p := page + i
		if !h.unknown[p] && !bytes.Equal(got[i*testPage:(i+1)*testPage], content(p, h.versions[p], 1)) {
			h.t.Errorf("page %d is not version %d; %s", p, h.versions[p], h.describe())
			return
		}
	}
}

// sweep reads every page.
func (h *history) sweep() {
	for page := int64(0); page < int64(len(h.versions)); page += 16 {
		n := min(16, int64(len(h.versions))-page)
		h.check(h.queue(int(page/16)), page, n)
	}
}

// for runs the history for a while, beside what f does.
func (h *history) during(d time.Duration, f func()) int {
	n := h.beside(d, rand.Uint64(), f)
	h.sweep()
	return n
}

// beside has workers do requests for a while and until f has returned.
func (h *history) beside(d time.Duration, seed uint64, f func()) int {
	stop := make(chan struct{})
	go func() {
		end := time.After(d)
		f()
		<-end
		close(stop)
	}()
	return h.run(6, seed, stop)
}

func TestHistory(t *testing.T) {
	for _, tt := range []struct {
		name string
		o    rigOptions
	}{
		{"remote-first", rigOptions{donors: 3, queues: 3}},
		{"few buffers", rigOptions{donors: 2, queues: 2, spare: 1}},
		{"strict", rigOptions{donors: 2, queues: 2, prepare: func(c *Config) { c.Ack = Strict }}},
		{"little room", rigOptions{donors: 2, queues: 2, memory: 2 * testSlab}},
		{"no backing", rigOptions{donors: 2, queues: 2, prepare: func(c *Config) { c.Backing, c.AcceptLoss = NoBacking, true }}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHistory(newRig(t, tt.o))
			n := h.during(*historyTime, func() {})
			s := h.engine.report()
			t.Logf("%d requests: %+v %+v", n, s.Pages, s.IO)
			if s.IO.Errors != 0 || s.IO.Corrupt != 0 || s.IO.RemoteReads == 0 || s.IO.PrefetchHits == 0 {
				t.Errorf("%+v", s.IO)
			}
		})
	}
}

// TestOverlappingRequests has workers read and write the same few pages at once:
// each page read must be one that somebody wrote, whole, and none may pass for
// corrupt.
func TestOverlappingRequests(t *testing.T) {
	r := newRig(t, rigOptions{donors: 2, queues: 2})
	r.heat(0)
	for page := range int64(4) {
		r.write(0, page, 1, 1)
	}
	var wg sync.WaitGroup
	end := time.Now().Add(*historyTime)
	for w := range 6 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(w), 0))
			got := make([]byte, testPage)
			for time.Now().Before(end) && !t.Failed() {
				page, q := rng.Int64N(4), r.queue(rng.IntN(2))
				if rng.IntN(2) == 0 {
					q.do(ublk.OpWrite, page*testPage, content(page, rng.Uint64()|1, 1), testPage)
					continue
				}
				if res := q.do(ublk.OpRead, page*testPage, got, testPage); res != testPage {
					t.Errorf("read of page %d: %d", page, res)
				} else if !whole(got, page) {
					t.Errorf("page %d is a mixture", page)
				}
			}
		})
	}
	wg.Wait()
	if s := r.engine.report(); s.IO.Corrupt != 0 || s.IO.Errors != 0 {
		t.Errorf("%+v", s.IO)
	}
}

// whole reports whether b is some version of a page.
func whole(b []byte, page int64) bool {
	version := binary.LittleEndian.Uint64(b[8:])
	for i := 0; i < len(b); i += 16 {
		if binary.LittleEndian.Uint64(b[i:]) != uint64(page)*pageFactor+uint64(i) || binary.LittleEndian.Uint64(b[i+8:]) != version^uint64(i) {
			return false
		}
	}
	return true
}

// TestHistoryWithDyingDonors kills donors and starts them again while requests
// go on: nobody may see an error or a wrong page.
func TestHistoryWithDyingDonors(t *testing.T) {
	for _, ack := range []AckPolicy{RemoteFirst, Strict} {
		t.Run(string(ack), func(t *testing.T) {
			h := newHistory(newRig(t, rigOptions{donors: 2, queues: 2, prepare: func(c *Config) { c.Ack = ack }}))
			end := time.Now().Add(*historyTime)
			n := h.during(*historyTime, func() {
				for i := 0; i < 3 || time.Now().Before(end); i++ {
					time.Sleep(1500 * time.Millisecond)
					h.donors[i%2].kill()
					time.Sleep(700 * time.Millisecond)
					h.donors[i%2].start()
				}
			})
			s := h.engine.report()
			t.Logf("%d requests: %+v %+v", n, s.Pages, s.IO)
			if s.IO.Errors != 0 || s.IO.Corrupt != 0 || s.IO.Failovers == 0 {
				t.Errorf("%+v", s.IO)
			}
		})
	}
}

// TestHistoryWithFaults has operations dropped, delayed, failed and corrupted:
// nobody may see an error or a wrong page as long as the backing file is good, and no donor is
// lost for it.
func TestHistoryWithFaults(t *testing.T) {
	for _, tt := range []struct {
		name string
		plan faulty.Plan
		seen func(faulty.Counts, status.Device) bool
	}{
		{"delayed", faulty.Plan{Delay: 0.2, DelayMax: 5 * time.Millisecond}, func(c faulty.Counts, _ status.Device) bool { return c.Delayed > 0 }},
		{"failed", faulty.Plan{Fail: 0.001}, func(c faulty.Counts, s status.Device) bool { return c.Failed > 0 && suspensions(s) > 0 }},
		{"dropped", faulty.Plan{Drop: 0.0005}, func(c faulty.Counts, s status.Device) bool { return c.Dropped > 0 && suspensions(s) > 0 }},
		{"corrupted", faulty.Plan{Corrupt: 0.05}, func(c faulty.Counts, s status.Device) bool { return c.Corrupted > 0 && s.IO.Corrupt > 0 }},
		{"all", faulty.Plan{Drop: 0.0001, Fail: 0.0005, Corrupt: 0.02, Delay: 0.05, DelayMax: time.Millisecond}, func(c faulty.Counts, s status.Device) bool {
			return c.Corrupted > 0 && s.IO.Corrupt > 0
		}},
	} {
		for _, ack := range []AckPolicy{RemoteFirst, Strict} {
			t.Run(tt.name+"/"+string(ack), func(t *testing.T) {
				tt.plan.Seed = rand.Uint64()
				t.Logf("seed %d", tt.plan.Seed)
				var device *faulty.Device
				h := newHistory(newRig(t, rigOptions{donors: 3, queues: 2, prepare: func(c *Config) {
					c.Ack, c.OpTimeout = ack, 200*time.Millisecond
				}, wrap: func(d verbs.Device) verbs.Device {
					device = faulty.Wrap(d, tt.plan)
					return device
				}}))
				n := h.during(*historyTime, func() {
					for end := time.Now().Add(time.Minute); !tt.seen(device.Counts(), h.engine.report()) && time.Now().Before(end); {
						time.Sleep(10 * time.Millisecond)
					}
				})
				s := h.engine.report()
				t.Logf("%d requests, faults %+v: %+v %+v", n, device.Counts(), s.Pages, s.IO)
				if s.IO.Errors != 0 || s.IO.Failovers != 0 || s.Pages.Lost != 0 || !tt.seen(device.Counts(), s) {
					t.Errorf("faults %+v: %+v", device.Counts(), s.IO)
				}
			})
		}
	}
}

// TestHistoryWithAFullDisk lets the disk be full and have room again while requests go on:
// nobody may see an error or a wrong page. In the end the backing file has every page.
func TestHistoryWithAFullDisk(t *testing.T) {
	h := newHistory(newRig(t, rigOptions{donors: 2, queues: 2}))
	end := time.Now().Add(*historyTime)
	n := h.during(*historyTime, func() {
		for i := 0; i < 3 || time.Now().Before(end); i++ {
			restore := h.full()
			time.Sleep(500 * time.Millisecond)
			restore()
			time.Sleep(1500 * time.Millisecond) // a pass of the scrubber
		}
	})
	h.until("the backing file has every page", func() bool { return h.flush() == 0 })
	s := h.engine.report()
	t.Logf("%d requests: %+v %+v %+v", n, s.Pages, s.IO, s.Scrub)
	if s.IO.Corrupt != 0 || s.Pages.Lost != 0 || s.Scrub.Backed == 0 {
		t.Errorf("%+v %+v", s.IO, s.Scrub)
	}
	for _, d := range h.donors {
		d.kill()
	}
	h.sweep()
}

// suspensions is how often donors were suspended.
func suspensions(s status.Device) (n uint64) {
	for _, d := range s.Donors {
		n += d.Suspensions
	}
	return n
}
