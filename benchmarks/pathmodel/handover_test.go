package pathmodel

import (
	"errors"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/farswap/farswap/ublk"
)

// lockThread is for goroutines whose thread ends with them.
func lockThread() { runtime.LockOSThread() }

func testArea(t *testing.T, n int) *area {
	t.Helper()
	a, f, err := newArea(n)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(f.Close(), a.close()); err != nil {
			t.Error(err)
		}
	})
	return a
}

// fakeWay is answered by a goroutine, instead of a device or a server.
type fakeWay struct {
	area     *area
	slot     *slot
	page     []byte
	requests chan *slot
}

func (w *fakeWay) data() []byte { return w.page }
func (w *fakeWay) close() error { return nil }

func (w *fakeWay) do(op ublk.Op, page int64) error {
	w.slot.ask(uint32(op), uint64(page))
	w.requests <- w.slot
	return w.area.result(w.slot, op, page)
}

// fakeDevice keeps pages, and answers requests of the slots of an area until they are closed. spoil may change what
// a read brings.
func fakeDevice(a *area, pages int64, requests <-chan *slot, spoil func(page int64, data []byte)) {
	memory := make([]byte, pages*pageSize)
	slots := make(map[*slot][]byte)
	for i := range a.slots() {
		s, data := a.slot(i)
		slots[s] = data
	}
	for s := range requests {
		stored := memory[s.page*pageSize : (s.page+1)*pageSize]
		if isWrite(ublk.Op(s.op)) {
			copy(stored, slots[s])
		} else {
			copy(slots[s], stored)
			spoil(int64(s.page), slots[s])
		}
		s.answer(pageSize)
		futexWake(&s.word)
	}
}

// unmeasured measures nothing.
type unmeasured struct{}

func (unmeasured) begin([]int) error { return nil }
func (unmeasured) end() error        { return nil }

// fakeBurst has 4 threads write and read pages of a fake device. spoil is that of fakeDevice.
func fakeBurst(t *testing.T, spoil func(int64, []byte)) (burst, error) {
	t.Helper()
	const size, threads = 64 * pageSize, 4
	a := testArea(t, threads)
	requests := make(chan *slot)
	var device sync.WaitGroup
	device.Go(func() { fakeDevice(a, size/pageSize, requests, spoil) })
	defer device.Wait()
	defer close(requests)
	open := func(i int) (way, error) {
		s, page := a.slot(i)
		return &fakeWay{a, s, page, requests}, nil
	}
	p := newPages(size)
	w, err := open(0)
	if err != nil {
		t.Fatal(err)
	}
	if err := fillPages(p, w); err != nil {
		t.Fatal(err)
	}
	l := load{threads: threads, op: ublk.OpWrite, time: time.Hour, count: 100, seed: 7}
	l.cpus = allCPUs(t)
	b, err := runBurst(l, p, open, unmeasured{})
	if err != nil {
		return b, err
	}
	l.op = ublk.OpRead
	if b, err = runBurst(l, p, open, unmeasured{}); err != nil {
		return b, err
	}
	return b, checkPages(p, w)
}

// TestHandover has many threads wait for a fake, which answers before they wait and after.
func TestHandover(t *testing.T) {
	b, err := fakeBurst(t, func(int64, []byte) {})
	if err != nil || b.count != 400 || b.latency.Count() != 400 || b.seconds <= 0 {
		t.Errorf("%d pages, %d latencies in %v s, %v", b.count, b.latency.Count(), b.seconds, err)
	}
}

// TestWrongPagesAreFound: each kind of wrong answer ends the burst.
func TestWrongPagesAreFound(t *testing.T) {
	other := newContent()
	for name, spoil := range map[string]func(page int64, data []byte){
		"a bit":                 func(_ int64, b []byte) { b[pageSize-1] ^= 1 },
		"another page":          func(page int64, b []byte) { other.fill(b, page+1, 1) },
		"a block of another":    func(page int64, b []byte) { copy(b[pageBlock:], blockOf(other, page+1, 1)) },
		"a version of long ago": func(page int64, b []byte) { other.fill(b, page, 0) },
		"zeros":                 func(_ int64, b []byte) { clear(b) },
		"nothing, so what was there before": func(_ int64, b []byte) {
			for at := 0; at < pageSize; at += pageBlock {
				b[at] ^= 0xff
			}
		},
	} {
		if _, err := fakeBurst(t, spoil); !errors.Is(err, ErrMismatch) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// blockOf is the first block of a page.
func blockOf(c *content, page int64, version uint32) []byte {
	b := make([]byte, pageSize)
	c.fill(b, page, version)
	return b[:pageBlock]
}

// TestAbortEndsWaits: those that wait, and those that wait later.
func TestAbortEndsWaits(t *testing.T) {
	const threads = 4
	a := testArea(t, threads)
	var begun sync.WaitGroup
	results := make(chan error, threads)
	for i := range threads {
		begun.Add(1)
		go func() {
			s, _ := a.slot(i)
			s.ask(uint32(ublk.OpRead), 1)
			begun.Done()
			results <- a.result(s, ublk.OpRead, 1)
		}()
	}
	begun.Wait()
	why := errors.New("a test")
	a.abort(why)
	a.abort(errors.New("another reason")) // again does nothing
	for range threads {
		if err := <-results; !errors.Is(err, errAborted) || !errors.Is(err, why) {
			t.Errorf("got %v", err)
		}
	}
	s, _ := a.slot(0)
	s.ask(uint32(ublk.OpRead), 2)
	if _, err := a.await(s); !errors.Is(err, errAborted) {
		t.Errorf("later: %v", err)
	}
	s.answer(pageSize) // what was answered all the same is
	if res, err := a.await(s); res != pageSize || err != nil {
		t.Errorf("answered: %d, %v", res, err)
	}
}

func TestShortAnswerIsAnError(t *testing.T) {
	a := testArea(t, 1)
	s, _ := a.slot(0)
	for _, res := range []int32{-5, 0, pageSize / 2} {
		s.ask(uint32(ublk.OpWrite), 3)
		s.answer(res)
		if err := a.result(s, ublk.OpWrite, 3); err == nil {
			t.Errorf("result %d is no error", res)
		}
	}
}

// TestLockExcludes counts without atomics under the lock.
func TestLockExcludes(t *testing.T) {
	var l lock
	var all sync.WaitGroup
	const threads, each = 4, 2000
	count := 0
	for range threads {
		all.Go(func() {
			for range each {
				l.lock()
				count++
				l.unlock()
			}
		})
	}
	all.Wait()
	if count != threads*each || l.state != lockFree {
		t.Errorf("counted %d, state %d", count, l.state)
	}
}
