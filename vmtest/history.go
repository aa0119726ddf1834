package vmtest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

const pageSize = 4096

// ErrWrong is a page that does not hold what was written to it last.
var ErrWrong = errors.New("wrong page")

// History writes, reads and discards runs of pages at random, and knows what
// each page must hold: the last write to it, or zeros if it was discarded since
// or never written. Each worker has its own pages; a run may be of one page or
// many, at any place.
type History struct {
	Cached  bool   // through the page cache; else direct I/O
	Path    string // a block device, or a file
	Seed    uint64
	Workers int
	Pages   int                                  // per worker
	Run     int                                  // longest run, in pages
	Ops     int                                  // per worker; 0 is until the context ends
	Done    *atomic.Int64                        // counts the operations of all workers, if there is one
	Pause   time.Duration                        // between two operations of a worker
	Discard func(f *os.File, off, n int64) error // DiscardDevice or DiscardFile
}

// HistoryCount is what a history did, in operations.
type HistoryCount struct{ Writes, Reads, Discards int }

// Play runs the history. It begins with pages of any content and ends with a
// check of all pages. The error is the first of any worker.
func (h History) Play(ctx context.Context) (HistoryCount, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var (
		mu    sync.Mutex // guards total
		total HistoryCount
		group sync.WaitGroup
	)
	for i := range h.Workers {
		group.Go(func() {
			w := &historian{History: h, first: int64(i) * int64(h.Pages), random: rand.New(rand.NewPCG(h.Seed, uint64(i)))}
			if err := w.play(ctx); err != nil {
				cancel(fmt.Errorf("worker %d: %w", i, err))
			}
			mu.Lock()
			defer mu.Unlock()
			total.Writes += w.count.Writes
			total.Reads += w.count.Reads
			total.Discards += w.count.Discards
		})
	}
	group.Wait()
	err := context.Cause(ctx)
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) { // told to end, not failed
		err = nil
	}
	return total, err
}

// historian is one worker.
type historian struct {
	History
	first    int64 // page of the device where its pages begin
	random   *rand.Rand
	versions []uint64 // of each page; 0 is zeros
	last     uint64   // version that was written last
	file     *os.File
	buffer   []byte
	count    HistoryCount
}

func (h *historian) play(ctx context.Context) (err error) {
	flags := os.O_RDWR
	if !h.Cached {
		flags |= unix.O_DIRECT
	}
	h.file, err = os.OpenFile(h.Path, flags, 0)
	if err != nil {
		return err
	}
	defer h.file.Close()
	h.buffer, err = unix.Mmap(-1, 0, h.Run*pageSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unix.Munmap(h.buffer)) }()
	h.versions = make([]uint64, h.Pages)
	for at := 0; at < h.Pages; at += h.Run { // from here on it is known what each page holds
		if err := h.discard(at, min(h.Run, h.Pages-at)); err != nil {
			return err
		}
	}
	for op := 0; (h.Ops == 0 || op < h.Ops) && ctx.Err() == nil; op++ {
		if err := h.step(); err != nil {
			return err
		}
		if h.Done != nil {
			h.Done.Add(1)
		}
		time.Sleep(h.Pause)
	}
	for at := 0; at < h.Pages; at += h.Run {
		if err := h.read(at, min(h.Run, h.Pages-at)); err != nil {
			return err
		}
	}
	return nil
}

// step does one operation: half of them on one page, like swap's.
func (h *historian) step() error {
	n := 1
	if h.random.IntN(2) == 0 {
		n = 1 + h.random.IntN(min(h.Run, h.Pages))
	}
	at := h.random.IntN(h.Pages - n + 1)
	switch h.random.IntN(8) {
	case 0:
		return h.discard(at, n)
	case 1, 2, 3:
		return h.write(at, n)
	default:
		return h.read(at, n)
	}
}

func (h *historian) offset(at int) int64 { return (h.first + int64(at)) * pageSize }

func (h *historian) write(at, n int) error {
	h.count.Writes++
	h.last++
	for i := range n {
		h.versions[at+i] = h.last
		fillPage(h.page(i), h.word(at+i))
	}
	_, err := h.file.WriteAt(h.buffer[:n*pageSize], h.offset(at))
	return err
}

func (h *historian) read(at, n int) error {
	h.count.Reads++
	if _, err := h.file.ReadAt(h.buffer[:n*pageSize], h.offset(at)); err != nil {
		return err
	}
	for i := range n {
		if word, ok := checkPage(h.page(i), h.word(at+i)); !ok {
			return fmt.Errorf("%w: page %d, in a read of %d pages from page %d, holds %#x, want version %d, %#x",
				ErrWrong, h.first+int64(at+i), n, h.first+int64(at), word, h.versions[at+i], h.word(at+i))
		}
	}
	return nil
}

func (h *historian) discard(at, n int) error {
	h.count.Discards++
	clear(h.versions[at : at+n])
	return h.Discard(h.file, h.offset(at), int64(n)*pageSize)
}

func (h *historian) page(i int) []byte { return h.buffer[i*pageSize : (i+1)*pageSize] }

// word is what a page's content begins with: no other page and no other version
// has the same. It is 0 for a page of zeros.
func (h *historian) word(at int) uint64 {
	if h.versions[at] == 0 {
		return 0
	}
	return h.Seed<<48 ^ uint64(h.first+int64(at)+1)<<24 ^ h.versions[at]
}

// fillPage fills a page with a sequence that begins with word.
func fillPage(page []byte, word uint64) {
	for i := 0; i < len(page); i += 8 {
		binary.LittleEndian.PutUint64(page[i:], word*(1+uint64(i)))
	}
}

// checkPage compares a page with fillPage's, and gives its first word.
func checkPage(page []byte, word uint64) (first uint64, ok bool) {
	ok = true
	for i := 0; i < len(page); i += 8 {
		ok = ok && binary.LittleEndian.Uint64(page[i:]) == word*(1+uint64(i))
	}
	return binary.LittleEndian.Uint64(page), ok
}

// DiscardFile makes a hole in a file.
func DiscardFile(f *os.File, off, n int64) error {
	return unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, off, n)
}
