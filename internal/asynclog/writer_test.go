package asynclog

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if how := os.Getenv(crashEnv); how != "" {
		crash(how)
	}
	goleak.VerifyTestMain(m)
}

// patience is longer than anything takes here that does not hang.
const patience = 30 * time.Second

func told(dropped uint64) []byte { return fmt.Appendf(nil, "dropped %d\n", dropped) }

// reader is a log's reader that reads when it is told to.
type reader struct {
	mu      sync.Mutex
	text    bytes.Buffer
	failing error
	held    chan struct{} // a write waits until it is closed; nil: none waits
	waiting chan struct{} // has a token when a write has come
}

func newReader() *reader { return &reader{waiting: make(chan struct{}, 1)} }

func (r *reader) Write(b []byte) (int, error) {
	select {
	case r.waiting <- struct{}{}:
	default:
	}
	r.mu.Lock()
	held := r.held
	r.mu.Unlock()
	if held != nil {
		<-held
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failing != nil {
		return 0, r.failing
	}
	return r.text.Write(b)
}

// hold makes writes wait, until the function that it returns is called.
func (r *reader) hold() (goOn func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	held := make(chan struct{})
	r.held = held
	return func() {
		r.mu.Lock()
		r.held = nil
		r.mu.Unlock()
		close(held)
	}
}

func (r *reader) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failing = err
}

func (r *reader) lines() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Split(strings.TrimSpace(r.text.String()), "\n")
}

func TestLinesInOrder(t *testing.T) {
	r := newReader()
	w := New(r, told)
	for i := range 1000 {
		fmt.Fprintf(w, "line %d\n", i)
		if i%10 == 0 && !w.Flush(patience) {
			t.Fatal("a reader that reads is too slow")
		}
	}
	if !w.Close(patience) {
		t.Fatal("not all is written")
	}
	lines := r.lines()
	if len(lines) != 1000 || w.Dropped() != 0 {
		t.Fatalf("%d lines, %d dropped", len(lines), w.Dropped())
	}
	for i, line := range lines {
		if line != fmt.Sprintf("line %d", i) {
			t.Fatalf("line %d is %q", i, line)
		}
	}
	if n, err := fmt.Fprintln(w, "late"); n != 5 || err != nil || w.Dropped() != 1 {
		t.Errorf("a line after the end: %d, %v, %d dropped", n, err, w.Dropped())
	}
	if !w.Close(patience) || !w.Flush(patience) {
		t.Error("closing twice")
	}
}

// TestNobodyReads: lines beyond the room are dropped, and told where they are missing.
func TestNobodyReads(t *testing.T) {
	r := newReader()
	w := New(r, told)
	goOn := r.hold()
	fmt.Fprintln(w, "first")
	<-r.waiting // the goroutine is in its write
	line := strings.Repeat("x", 1023) + "\n"
	const kept = room / 1024
	for range kept + 7 {
		if _, err := w.Write([]byte(line)); err != nil {
			t.Fatal(err)
		}
	}
	fmt.Fprintln(w, "short") // would fit nowhere but after those that were dropped
	if n := w.Dropped(); n != 8 {
		t.Errorf("%d lines are dropped, want 8", n)
	}
	if w.Flush(time.Millisecond) {
		t.Error("flushed while nobody reads")
	}
	goOn()
	if !w.Flush(patience) {
		t.Fatal("not flushed")
	}
	fmt.Fprintln(w, "last")
	if !w.Close(patience) {
		t.Fatal("not closed")
	}
	lines := r.lines()
	if len(lines) != kept+3 || lines[0] != "first" || lines[kept+1] != "dropped 8" || lines[kept+2] != "last" {
		t.Errorf("%d lines: %.20q … %q", len(lines), lines[0], lines[max(0, len(lines)-2):])
	}
}

// TestEndWhileNobodyReads: the end does not wait longer than it may.
func TestEndWhileNobodyReads(t *testing.T) {
	reading, writing, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	w := New(writing, told)
	for range 4096 { // more than a pipe and the room take together
		fmt.Fprintln(w, strings.Repeat("x", 100))
	}
	if w.Close(10 * time.Millisecond) {
		t.Error("closed, with everything written")
	}
	if w.Dropped() == 0 {
		t.Error("nothing is dropped")
	}
	if err := reading.Close(); err != nil {
		t.Fatal(err)
	}
	if !w.Close(patience) {
		t.Error("a write to a pipe without a reader does not end")
	}
	if err := writing.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestRefusedLines: lines that the underlying writer refuses are told when it takes some again.
func TestRefusedLines(t *testing.T) {
	r := newReader()
	w := New(r, told)
	r.fail(errors.New("no reader"))
	for range 3 {
		fmt.Fprintln(w, "refused")
	}
	if !w.Flush(patience) || w.Dropped() != 3 {
		t.Fatalf("%d lines are dropped, want 3", w.Dropped())
	}
	r.fail(nil)
	fmt.Fprintln(w, "taken")
	if !w.Close(patience) {
		t.Fatal("not closed")
	}
	if lines := r.lines(); len(lines) != 2 || lines[0] != "dropped 3" || lines[1] != "taken" {
		t.Errorf("%q", lines)
	}
}

// TestTooLong: a line that no buffer takes is dropped, and told at once.
func TestTooLong(t *testing.T) {
	r := newReader()
	w := New(r, told)
	if _, err := w.Write(bytes.Repeat([]byte("x"), room+1)); err != nil {
		t.Fatal(err)
	}
	if !w.Close(patience) {
		t.Fatal("not closed")
	}
	if lines := r.lines(); len(lines) != 1 || lines[0] != "dropped 1" {
		t.Errorf("%d lines", len(lines))
	}
}

// TestWriteAllocatesNothing: who logs may be short of memory.
func TestWriteAllocatesNothing(t *testing.T) {
	r := newReader()
	goOn := r.hold()
	w := New(r, nil)
	line := []byte("line\n")
	if n := testing.AllocsPerRun(1000, func() { _, _ = w.Write(line) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	goOn()
	if !w.Close(patience) {
		t.Error("not closed")
	}
}
