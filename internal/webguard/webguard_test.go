package webguard

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/farswap/farswap/netlimit"
)

// patience is far longer than anything here takes.
const patience = time.Minute

// serve serves a handler behind the bounds until the test ends.
func serve(t *testing.T, h http.HandlerFunc) *netlimit.Listener {
	t.Helper()
	l, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: h}
	Bound(s)
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close(); <-done })
	return l
}

func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	c, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	return c
}

// Idle strangers, more than there are places, take no answer from anybody: not from a new reader, and not
// from one whose answer is under way.
func TestIdleStrangersShutNobodyOut(t *testing.T) {
	begun, goOn := make(chan struct{}), make(chan struct{})
	l := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if !Allowed(w, r) {
			return
		}
		if r.URL.Path == "/slow" {
			close(begun)
			<-goOn
		}
		_, _ = io.WriteString(w, "figures")
	})
	address := l.Addr().String()
	slow := dial(t, address)
	_, _ = io.WriteString(slow, "GET /slow HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
	<-begun
	for i := range 4 * (limits.Unproven + limits.Proven) {
		c, err := net.DialTimeout("tcp", address, patience)
		if err != nil {
			continue // a newer one had its place before it knew
		}
		defer c.Close()
		if i%2 == 0 {
			_, _ = io.WriteString(c, "GET / HTTP/1.1\r\n") // half of a request
		}
	}
	client := http.Client{Timeout: patience}
	answer, err := client.Get("http://" + address)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if body, err := io.ReadAll(answer.Body); string(body) != "figures" {
		t.Errorf("a new reader gets %q, %v", body, err)
	}
	close(goOn)
	if text, err := io.ReadAll(slow); !strings.HasSuffix(string(text), "figures") {
		t.Errorf("a reader whose answer was under way gets %q, %v", text, err)
	}
}

// Readers whose connections wait for their next request make room, and those with one under way do not.
func TestReadersAreBounded(t *testing.T) {
	goOn := make(chan struct{})
	l := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if !Allowed(w, r) {
			return
		}
		w.(http.Flusher).Flush()
		if r.URL.Path == "/slow" {
			<-goOn
		}
	})
	request := func(path string) int {
		c := dial(t, l.Addr().String())
		_, _ = io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: localhost\r\n\r\n")
		b := make([]byte, len("HTTP/1.1 200"))
		if _, err := io.ReadFull(c, b); err != nil {
			t.Fatal(err)
		}
		switch string(b) {
		case "HTTP/1.1 200":
			return http.StatusOK
		case "HTTP/1.1 503":
			return http.StatusServiceUnavailable
		}
		t.Fatalf("answer %q", b)
		return 0
	}
	for range 2 * limits.Proven { // each goes on to wait for another request
		if got := request("/quick"); got != http.StatusOK {
			t.Fatalf("a quick one gets %d", got)
		}
	}
	for end := time.Now().Add(patience); l.Stats().Proven > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("a reader that waits for its next request holds a place")
		}
	}
	for i := range limits.Proven + 1 {
		want := http.StatusOK
		if i == limits.Proven {
			want = http.StatusServiceUnavailable
		}
		if got := request("/slow"); got != want {
			t.Fatalf("slow reader %d gets %d, want %d", i, got, want)
		}
	}
	close(goOn)
}

func TestOnlyLoopback(t *testing.T) {
	h := OnlyLoopback(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	for host, want := range map[string]int{
		"localhost": 200, "localhost:9481": 200, "127.0.0.1:1": 200, "127.9.9.9": 200, "[::1]:9481": 200, "[::1]": 200,
		"evil.example": 421, "evil.example:9481": 421, "10.0.0.1:9481": 421, "localhost.evil.example": 421, "": 421, "127.0.0.1.evil.example": 421,
	} {
		r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
		r.Host = host
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("host %q: %d, want %d", host, w.Code, want)
		}
	}
}
