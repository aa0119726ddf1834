package web

import (
	"bufio"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/farswap/farswap/dash/dashtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeWorld shows a made-up device and its donors below a new root.
func fakeWorld(t *testing.T) (string, *dashtest.World, *dashtest.Servers) {
	t.Helper()
	root := t.TempDir()
	w := dashtest.New(1, time.Now())
	w.Step(70 * time.Second)
	s, err := dashtest.Serve(root, w)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return root, w, s
}

// serve runs a dashboard until the test ends.
func serve(t *testing.T, c Config) *Server {
	t.Helper()
	if c.Listen == "" {
		c.Listen = "127.0.0.1:0"
	}
	if c.Root == "" {
		c.Root = t.TempDir()
	}
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- s.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s
}

// address is where a dashboard listens.
func address(s *Server) string { return s.listener.Addr().String() }

// get makes one request. Its connection is closed after it.
func get(t *testing.T, client *http.Client, url string, with func(*http.Request)) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Close = true
	if with != nil {
		with(req)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return resp
}

// plain does not follow redirects and keeps no connections.
func plain() *http.Client {
	return &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       20 * time.Second,
	}
}

// events reads a stream.
type events struct {
	t     *testing.T
	lines *bufio.Scanner
	bytes int
}

func openEvents(t *testing.T, s *Server, path string) *events {
	t.Helper()
	resp := get(t, plain(), "http://"+address(s)+path, nil)
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", path, resp.Status)
	}
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 64<<20)
	return &events{t: t, lines: lines}
}

// next is the data of the next event.
func (e *events) next(into any) {
	e.t.Helper()
	for e.lines.Scan() {
		e.bytes += len(e.lines.Bytes()) + 1
		if data, ok := strings.CutPrefix(e.lines.Text(), "data: "); ok {
			if err := json.Unmarshal([]byte(data), into); err != nil {
				e.t.Fatalf("%v: %.300s", err, data)
			}
			return
		}
	}
	e.t.Fatalf("stream ended: %v", e.lines.Err())
}

// eventually waits for something that comes.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !is(); {
		if time.Now().After(deadline) {
			t.Fatalf("never came: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// listen serves one hand-made answer after the other until the test ends.
func listen(t *testing.T, handle func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			handle(c)
			c.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return l.Addr().String()
}
