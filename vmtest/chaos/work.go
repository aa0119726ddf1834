package main

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

const pageSize = 4096

// breath is between two accesses of a thread: without it an emulated machine has no time for anything else.
const breath = 2 * time.Millisecond

// longStall is how long a page takes at least to be told of.
const longStall = time.Second

// said is a line that the workload writes. Times are of the machine's monotonic clock, which no setting of
// the time of day changes.
type said struct {
	What     string        `json:"what"` // "count", "wrong", "lost", "stall" or "swept"
	At       time.Duration `json:"at"`
	Page     int           `json:"page,omitempty"`
	First    uint64        `json:"first,omitempty"`    // of "wrong": the first word of the page
	Want     uint64        `json:"want,omitempty"`     // of "wrong": what it was to be
	For      time.Duration `json:"for,omitempty"`      // of "stall": how long the page took; of "count": how long the slowest has taken so far
	Verified int64         `json:"verified,omitempty"` // pages, all in all
}

// monotonic is the time on the machine's monotonic clock.
func monotonic() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		panic(err) // there is always such a clock
	}
	return time.Duration(t.Nano())
}

// workload writes and verifies pages of anonymous memory. What each page must hold follows from its version, which
// lies in locked memory: 8 bytes a page.
type workload struct {
	seed    uint64
	region  []byte
	version []uint64 // by page; the last one written
	threads []*workThread

	verified atomic.Int64
	sweep    atomic.Int64 // how many sweeps were asked for
	end      atomic.Bool

	mu  sync.Mutex // makes lines take turns
	out *json.Encoder
}

// workThread is one thread of the workload. It has every nth page.
type workThread struct {
	*workload
	first  int
	random *rand.Rand
	since  atomic.Int64 // when it began with the page at which it is; 0: with none
	swept  atomic.Int64 // sweeps that it has ended
}

// runWork is the program of the workload. It obeys lines on in: "sweep" has every page verified, "end" ends it.
func runWork(args []string, in io.Reader, out io.Writer) error {
	flags := flag.NewFlagSet("work", flag.ContinueOnError)
	size := flags.Int("size", 32<<20, "bytes of memory")
	count := flags.Int("threads", 3, "threads")
	seed := flags.Uint64("seed", 1, "what contents and order follow from")
	if err := flags.Parse(args); err != nil {
		return err
	}
	// A collection of garbage would wait for a thread that waits for a page. Little is allocated here.
	debug.SetGCPercent(-1)
	runtime.GOMAXPROCS(*count + 2)
	w := &workload{seed: *seed, out: json.NewEncoder(out)}
	if err := w.allocate(*size); err != nil {
		return err
	}
	var group sync.WaitGroup
	for i := range *count {
		t := &workThread{workload: w, first: i, random: rand.New(rand.NewPCG(*seed, uint64(i)))}
		w.threads = append(w.threads, t)
	}
	for _, t := range w.threads {
		group.Go(t.run)
	}
	go w.report()
	go func() {
		lines := bufio.NewScanner(in)
		for lines.Scan() && lines.Text() != "end" {
			w.sweep.Add(1)
		}
		w.end.Store(true)
	}()
	group.Wait()
	w.say(said{What: "count", At: monotonic(), Verified: w.verified.Load()})
	return nil
}

// allocate gets the memory. All of this process but the region is locked.
func (w *workload) allocate(size int) error {
	if err := unix.Mlockall(unix.MCL_CURRENT | unix.MCL_FUTURE | unix.MCL_ONFAULT); err != nil {
		return fmt.Errorf("lock the memory of the workload: %w", err)
	}
	var err error
	w.region, err = unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return fmt.Errorf("map %d bytes: %w", size, err)
	}
	w.version = make([]uint64, size/pageSize)
	return errors.Join(unix.Munlock(w.region), unix.Madvise(w.region, unix.MADV_NOHUGEPAGE))
}

func (w *workload) say(s said) {
	w.mu.Lock()
	defer w.mu.Unlock()
	_ = w.out.Encode(s) // without a reader this process is about to end
}

// report tells twice a second how far the workload is.
func (w *workload) report() {
	for ; !w.end.Load(); time.Sleep(500 * time.Millisecond) {
		now := monotonic()
		s := said{What: "count", At: now, Verified: w.verified.Load()}
		for _, t := range w.threads {
			if since := t.since.Load(); since != 0 {
				s.For = max(s.For, now-time.Duration(since))
			}
		}
		w.say(s)
	}
}

// run writes every page once, then accesses pages at random until the end, and verifies all pages when it is told to.
func (t *workThread) run() {
	runtime.LockOSThread()
	debug.SetPanicOnFault(true) // a page that is lost is SIGBUS
	for page := t.first; page < len(t.version); page += len(t.threads) {
		t.visit(page, func() error { return t.write(page) })
	}
	for ; !t.end.Load(); time.Sleep(breath) {
		if asked := t.sweep.Load(); asked > t.swept.Load() {
			t.verifyAll(asked)
		}
		page := t.first + len(t.threads)*t.random.IntN((len(t.version)-t.first+len(t.threads)-1)/len(t.threads))
		write := t.random.IntN(10) < 3
		t.visit(page, func() error {
			err := t.verify(page)
			if err == nil && write {
				err = t.write(page)
			}
			return err
		})
	}
}

// verifyAll verifies every page of the thread. The last thread to end a sweep tells.
func (t *workThread) verifyAll(asked int64) {
	for page := t.first; page < len(t.version); page += len(t.threads) {
		t.visit(page, func() error { return t.verify(page) })
	}
	t.mu.Lock()
	t.swept.Store(asked)
	last := true
	for _, other := range t.threads {
		last = last && other.swept.Load() >= asked
	}
	t.mu.Unlock()
	if last {
		t.say(said{What: "swept", At: monotonic(), Verified: t.verified.Load()})
	}
}

var errWrong = errors.New("wrong page")

// visit does something with a page, and tells what became of it. A page that was lost or wrong is made anew.
func (t *workThread) visit(page int, do func() error) {
	begun := monotonic()
	t.since.Store(int64(begun))
	err := t.catch(do)
	took := monotonic() - begun
	t.since.Store(0)
	t.verified.Add(1)
	if took >= longStall {
		t.say(said{What: "stall", At: begun, Page: page, For: took})
	}
	if err == nil {
		return
	}
	s := said{What: "lost", At: begun, Page: page}
	if errors.Is(err, errWrong) {
		s = said{What: "wrong", At: begun, Page: page, First: binary.LittleEndian.Uint64(t.page(page)), Want: t.word(page)}
	}
	t.say(s)
	if err := unix.Madvise(t.page(page), unix.MADV_DONTNEED); err != nil {
		panic(err) // the range is right
	}
	if err := t.catch(func() error { return t.write(page) }); err != nil {
		t.say(said{What: "lost", At: begun, Page: page})
	}
}

// errLost is a page that the kernel could not get.
var errLost = errors.New("lost page")

// catch calls a function that may touch a page that is lost.
func (t *workThread) catch(do func() error) (err error) {
	defer func() {
		if e := recover(); e != nil {
			if _, ok := e.(interface{ Addr() uintptr }); !ok {
				panic(e)
			}
			err = errLost
		}
	}()
	return do()
}

func (w *workload) page(i int) []byte { return w.region[i*pageSize : (i+1)*pageSize : (i+1)*pageSize] }

// word is what a page begins with: no other page and no other version of it has the same.
func (w *workload) word(page int) uint64 {
	return w.seed<<56 ^ uint64(page+1)<<32 ^ w.version[page]
}

func (w *workload) write(page int) error {
	b := w.page(page)
	w.version[page]++
	word := w.word(page)
	for i := 0; i < pageSize; i += 8 {
		binary.LittleEndian.PutUint64(b[i:], word*(1+uint64(i)))
	}
	return nil
}

func (w *workload) verify(page int) error {
	b, word := w.page(page), w.word(page)
	for i := 0; i < pageSize; i += 8 {
		if binary.LittleEndian.Uint64(b[i:]) != word*(1+uint64(i)) {
			return errWrong
		}
	}
	return nil
}
