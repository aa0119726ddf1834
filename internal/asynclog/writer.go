package asynclog

import (
	"bytes"
	"io"
	"sync"
	"time"
)

// room is how many bytes of lines one of a writer's two buffers takes: about 400 lines.
const room = 64 << 10

// page is the distance in bytes at which a buffer is touched to make all of it resident.
const page = 4 << 10

// Writer takes lines and writes them later, from a goroutine of its own. It takes 128 KiB of
// memory, all of it when it is made. Its methods may be called from any goroutine, and only
// Flush and Close wait.
type Writer struct {
	to     io.Writer
	notice func(dropped uint64) []byte

	wake  chan struct{}      // has a token when there is something to write
	flush chan chan struct{} // the goroutine closes what it gets when all is written
	end   chan struct{}      // closed by Close
	ended chan struct{}      // closed by the goroutine

	// The next two belong to the goroutine.
	spare  []byte // the buffer that no lines go to now
	untold uint64 // dropped lines that no notice has told

	mu      sync.Mutex // guards what follows; never held across I/O
	closed  bool
	lines   []byte // what is to be written next; its capacity never changes
	missed  uint64 // dropped after lines
	dropped uint64 // since New
}

// New makes a writer to w, which the writer alone uses until it is closed. notice makes the
// line that tells of dropped lines; it is called by the writer's goroutine, and its result is
// used until the next call. With nil, nothing tells of them but Dropped.
func New(w io.Writer, notice func(dropped uint64) []byte) *Writer {
	a := &Writer{
		to: w, notice: notice,
		wake: make(chan struct{}, 1), flush: make(chan chan struct{}),
		end: make(chan struct{}), ended: make(chan struct{}),
		spare: resident(room), lines: resident(room),
	}
	go a.run()
	return a
}

// resident returns an empty buffer whose memory is there. A process whose memory is locked
// when it is touched must not find out later that there is none.
func resident(size int) []byte {
	b := make([]byte, size)
	for i := 0; i < size; i += page {
		b[i] = 0
	}
	return b[:0]
}

// Write takes lines, or drops them if there is no room. It is an io.Writer that never fails.
// After a dropped line all are dropped until the goroutine has taken up those before it, so
// that the notice stands where the lines are missing.
func (w *Writer) Write(lines []byte) (int, error) {
	w.mu.Lock()
	if w.closed || w.missed > 0 || len(lines) > cap(w.lines)-len(w.lines) {
		w.missed++
		w.dropped++
	} else {
		w.lines = append(w.lines, lines...)
	}
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
	return len(lines), nil
}

// Dropped is the number of lines that were dropped since New, those included that the
// underlying writer did not take.
func (w *Writer) Dropped() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.dropped
}

// Flush waits until all lines that came before the call are written, at most for the given
// time. It reports whether they are.
func (w *Writer) Flush(within time.Duration) bool {
	timeout := time.NewTimer(within)
	defer timeout.Stop()
	written := make(chan struct{})
	select {
	case w.flush <- written:
	case <-w.ended:
		return true
	case <-timeout.C:
		return false
	}
	select {
	case <-written:
		return true
	case <-timeout.C:
		return false
	}
}

// Close ends the writer, and waits until it has written all lines, at most for the given
// time. It reports whether it has. If not, the goroutine stays until its write returns.
// Later lines are dropped.
func (w *Writer) Close(within time.Duration) bool {
	w.mu.Lock()
	if !w.closed {
		w.closed = true
		close(w.end)
	}
	w.mu.Unlock()
	timeout := time.NewTimer(within)
	defer timeout.Stop()
	select {
	case <-w.ended:
		return true
	case <-timeout.C:
		return false
	}
}

// run is the goroutine.
func (w *Writer) run() {
	defer close(w.ended)
	for {
		select {
		case <-w.wake:
			w.drain()
		case written := <-w.flush:
			w.drain()
			close(written)
		case <-w.end:
			w.drain()
			return
		}
	}
}

// drain writes until nothing is left.
func (w *Writer) drain() {
	for {
		lines, missed := w.take()
		if len(lines) == 0 && missed == 0 {
			return
		}
		w.tell() // of lines that the underlying writer has refused before
		if len(lines) > 0 {
			if n, err := w.to.Write(lines); err != nil {
				w.refused(uint64(bytes.Count(lines[n:], []byte("\n"))))
			}
		}
		w.untold += missed
		w.tell()
	}
}

// take takes the lines up. missed is how many were dropped after them.
func (w *Writer) take() (lines []byte, missed uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	lines, missed = w.lines, w.missed
	w.lines, w.spare, w.missed = w.spare[:0], lines, 0
	return lines, missed
}

// tell writes a notice, if there is something to tell.
func (w *Writer) tell() {
	if w.untold == 0 {
		return
	}
	if w.notice != nil {
		if _, err := w.to.Write(w.notice(w.untold)); err != nil {
			return // it is tried again with the next lines
		}
	}
	w.untold = 0
}

// refused counts lines that the underlying writer has not taken.
func (w *Writer) refused(lines uint64) {
	w.untold += lines
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dropped += lines
}
