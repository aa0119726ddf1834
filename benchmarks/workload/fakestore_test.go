package workload

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"
)

// fakeStore is a memcached in memory that misbehaves as a test wants.
type fakeStore struct {
	path string
	// before, if not nil, is called before each answer to a get; it may change the value, and
	// what it waits for holds up its connection only.
	before func(key string, value []byte) []byte

	mu   sync.Mutex // guards data
	data map[string][]byte
}

func newFakeStore(t *testing.T) *fakeStore {
	f := &fakeStore{path: filepath.Join(t.TempDir(), "s"), data: map[string][]byte{}}
	l, err := net.Listen("unix", f.path)
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer conn.Close()
				if err := f.serve(conn); err != nil {
					t.Errorf("fake store: %v", err)
				}
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		serving.Wait()
	})
	return f
}

// serve answers the commands of a connection; that it ends is no error.
func (f *fakeStore) serve(conn net.Conn) error {
	in, out := bufio.NewReader(conn), bufio.NewWriter(conn)
	for {
		if in.Buffered() == 0 && out.Flush() != nil {
			return nil
		}
		line, err := in.ReadBytes('\n')
		if err != nil {
			return nil
		}
		words := bytes.Fields(line)
		switch string(words[0]) {
		case "get":
			f.get(out, string(words[1]))
		case "set":
			n, err := strconv.Atoi(string(words[4]))
			if err != nil {
				return err
			}
			value := make([]byte, n+2)
			if _, err := io.ReadFull(in, value); err != nil {
				return nil
			}
			f.mu.Lock()
			f.data[string(words[1])] = value[:n]
			f.mu.Unlock()
			if len(words) == 5 {
				_, _ = out.WriteString("STORED\r\n")
			}
		case "version":
			_, _ = out.WriteString("VERSION fake\r\n")
		case "stats":
			f.mu.Lock()
			_, _ = fmt.Fprintf(out, "STAT curr_items %d\r\nEND\r\n", len(f.data))
			f.mu.Unlock()
		default:
			return fmt.Errorf("%q", line)
		}
	}
}

func (f *fakeStore) get(out io.Writer, key string) {
	f.mu.Lock()
	value := f.data[key]
	f.mu.Unlock()
	if f.before != nil {
		value = f.before(key, value)
	}
	if value != nil {
		_, _ = fmt.Fprintf(out, "VALUE %s 0 %d\r\n%s\r\n", key, len(value), value)
	}
	_, _ = io.WriteString(out, "END\r\n")
}

// filled is a store of n keys on the fake, with its shares.
func (f *fakeStore) filled(t *testing.T, n int64, writes float64) (*store, []*share) {
	s := &store{keys: n, values: values{16, 64}, draw: zipfKeys, writes: writes, seed: 1}
	s.dial = func() (net.Conn, pipe, error) {
		conn, err := net.Dial("unix", f.path)
		return conn, newMemcachedPipe(conn, s.values), err
	}
	shares := s.shares()
	if err := s.fill(t.Context(), shares, t.Logf); err != nil {
		t.Fatal(err)
	}
	if got := int64(len(f.data)); got != n {
		t.Fatalf("%d of %d keys are filled", got, n)
	}
	return s, shares
}

// stall returns a function for before that holds every connection up from one moment to
// another.
func stall(from, to time.Time) func(string, []byte) []byte {
	return func(_ string, value []byte) []byte {
		if now := time.Now(); now.After(from) && now.Before(to) {
			time.Sleep(time.Until(to))
		}
		return value
	}
}

var errOther = errors.New("some error")
