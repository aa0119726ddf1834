package status

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// device is a DeviceSource whose answers a test sets.
type device struct {
	shows     Device
	stops     func() error
	decisions []Decision
}

func (d device) Status() Device             { return d.shows }
func (d device) Stop(context.Context) error { return d.stops() }

// Upgrade does what Stop does: who may ask for the one may ask for the other.
func (d device) Upgrade(context.Context) error { return d.stops() }

func (d device) Decisions(slab int) ([]Decision, error) {
	if slab != 0 {
		return nil, fmt.Errorf("slab %d: %w: there is slab 0 only", slab, ErrInvalid)
	}
	return d.decisions, nil
}

// daemon is a DonorSource whose answers a test sets.
type daemon struct {
	shows    DonorDaemon
	drains   func() error
	resizes  func(DonorResize) error
	upgrades func() error
}

func (d daemon) Status() DonorDaemon                            { return d.shows }
func (d daemon) Stop(context.Context) error                     { return ErrRefused }
func (d daemon) Drain(context.Context) error                    { return d.drains() }
func (d daemon) Resize(_ context.Context, to DonorResize) error { return d.resizes(to) }
func (d daemon) Upgrade(context.Context) error                  { return d.upgrades() }

func serveDevice(t *testing.T, src DeviceSource) string {
	t.Helper()
	path := Socket(t.TempDir())
	s, err := ServeDevice(path, src)
	return served(t, path, s, err)
}

func serveDonor(t *testing.T, src DonorSource) string {
	t.Helper()
	path := Socket(t.TempDir())
	s, err := ServeDonor(path, src)
	return served(t, path, s, err)
}

func served(t *testing.T, path string, s *Server, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if _, err := Fetch(context.Background(), path); !errors.Is(err, ErrNoServer) {
			t.Errorf("fetch from closed server: got %v", err)
		}
	})
	return path
}

func TestFetch(t *testing.T) {
	want := Device{
		Schema: Schema, ID: 4, Path: "/dev/ublkb4", State: StateLive, Size: 1 << 30, Ublk: []string{"USER_RECOVERY"},
		Latency: Latency{Read: Quantiles{P50: 1, P99: 2, P999: 3}},
		Donors:  []Donor{{Name: "a", Slabs: 2}},
		Slabs:   []Slab{{Index: 1, Donor: "a", Activity: 20.5}},
		Started: time.Unix(1e9, 0).UTC(),
		Probes:  Probes{State: ProbesOff, Hooks: []string{}},
		Cgroups: []CgroupLatency{}, Slowest: []SlowPage{}, Events: []Event{}, Decisions: []Decision{},
	}
	var latency Distribution
	latency.Record(5000)
	want.Histograms = []Histogram{{Source: SourceFault, Latency: latency}}
	path := serveDevice(t, device{shows: want})
	got, err := Fetch(t.Context(), path)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
	want.Slabs = []Slab{}
	if got, err := FetchSummary(t.Context(), path); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("without slabs: got %+v, %v\nwant %+v", got, err, want)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("socket has mode %v, %v; want 0600", info.Mode(), err)
	}
}

func TestFetchDonor(t *testing.T) {
	path := serveDonor(t, daemon{shows: DonorDaemon{Name: "d", Memory: DonorMemory{Total: 7}}})
	got, err := FetchDonor(t.Context(), path)
	if err != nil || got.Name != "d" || got.Memory.Total != 7 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestStop(t *testing.T) {
	var answer error
	var calls atomic.Int32
	path := serveDevice(t, device{stops: func() error { calls.Add(1); return answer }})
	if err := Stop(t.Context(), path); err != nil {
		t.Error(err)
	}
	answer = fmt.Errorf("%w: swapoff first", ErrRefused)
	if err := Stop(t.Context(), path); !errors.Is(err, ErrRefused) || err.Error() != "refused: swapoff first" {
		t.Errorf("refused stop: got %v", err)
	}
	answer = errors.New("broken")
	if err := Stop(t.Context(), path); err == nil || !strings.HasSuffix(err.Error(), "broken") {
		t.Errorf("failed stop: got %v", err)
	}
	if calls.Load() != 3 {
		t.Errorf("%d calls", calls.Load())
	}
}

func TestDonorRequests(t *testing.T) {
	var answer error
	var got DonorResize
	drains := 0
	path := serveDonor(t, daemon{
		drains:   func() error { drains++; return answer },
		resizes:  func(r DonorResize) error { got = r; return answer },
		upgrades: func() error { return answer },
	})
	if err := Upgrade(t.Context(), path); err != nil {
		t.Errorf("upgrade: %v", err)
	}
	want := DonorResize{Memory: 1 << 40, HeadRoom: -1, HeadRoomShare: 0.25}
	if err := errors.Join(Drain(t.Context(), path), Resize(t.Context(), path, want)); err != nil || drains != 1 || got != want {
		t.Errorf("got %+v, %d drains, %v", got, drains, err)
	}
	answer = fmt.Errorf("%w: too much", ErrInvalid)
	if err := Resize(t.Context(), path, want); !errors.Is(err, ErrInvalid) || err.Error() != "invalid request: too much" {
		t.Errorf("invalid resize: %v", err)
	}
	if err := Resize(t.Context(), path, DonorResize{HeadRoomShare: math.NaN()}); !errors.Is(err, ErrInvalid) {
		t.Errorf("resize that cannot be sent: %v", err)
	}
	answer = fmt.Errorf("%w: not now", ErrRefused)
	if err := Upgrade(t.Context(), path); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "not now") {
		t.Errorf("refused upgrade: %v", err)
	}
	// Each socket serves what its daemon has and nothing else.
	path, other := serveDevice(t, device{}), path
	if err := Drain(t.Context(), path); !errors.Is(err, ErrBadAnswer) {
		t.Errorf("drain of a device: %v", err)
	}
	if err := Resize(t.Context(), path, want); !errors.Is(err, ErrBadAnswer) {
		t.Errorf("resize of a device: %v", err)
	}
	if _, err := FetchDecisions(t.Context(), other, 0); !errors.Is(err, ErrBadAnswer) {
		t.Errorf("decisions of a donor: %v", err)
	}
}

func TestFetchDecisions(t *testing.T) {
	want := []Decision{{Seq: 3, Rule: "emptier", Figures: []DonorFigures{{Donor: "a"}}}}
	path := serveDevice(t, device{decisions: want})
	if got, err := FetchDecisions(t.Context(), path, 0); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := FetchDecisions(t.Context(), path, 1); !errors.Is(err, ErrInvalid) || err.Error() != "slab 1: invalid request: there is slab 0 only" {
		t.Errorf("a slab that is not there: %v", err)
	}
}

func TestServeOnWhatIsThere(t *testing.T) {
	src := device{shows: Device{ID: 1}}
	live := serveDevice(t, src)
	if _, err := ServeDevice(live, src); !errors.Is(err, ErrServing) {
		t.Errorf("live socket: got %v", err)
	}

	stale := leaveStale(t)
	if _, err := Fetch(t.Context(), stale); !errors.Is(err, ErrNoServer) {
		t.Errorf("fetch from stale socket: got %v", err)
	}
	s, err := ServeDevice(stale, src)
	if err != nil {
		t.Fatalf("stale socket: %v", err)
	}
	if got, err := Fetch(t.Context(), stale); err != nil || got.ID != 1 {
		t.Errorf("over stale socket: got %v, %v", got, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}

	file := filepath.Join(t.TempDir(), "sock")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ServeDevice(file, src); err == nil || !strings.Contains(err.Error(), "not a socket") {
		t.Errorf("a file in the way: got %v", err)
	}

	long := filepath.Join(t.TempDir(), strings.Repeat("x", 120))
	if _, err := ServeDevice(long, src); err == nil || !strings.Contains(err.Error(), "107") {
		t.Errorf("a path too long: got %v", err)
	}
}

// leaveStale makes a socket as a killed server leaves it.
func leaveStale(t *testing.T) string {
	t.Helper()
	path := Socket(t.TempDir())
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	return path
}

func TestFetchErrors(t *testing.T) {
	t.Run("no socket", func(t *testing.T) {
		if _, err := Fetch(t.Context(), filepath.Join(t.TempDir(), "sock")); !errors.Is(err, ErrNoServer) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("mute server", func(t *testing.T) {
		path := listen(t, func(c net.Conn) { _, _ = c.Read(make([]byte, 1)); <-t.Context().Done() })
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		if _, err := Fetch(ctx, path); !errors.Is(err, ErrNoAnswer) {
			t.Errorf("got %v", err)
		}
	})
	for name, tc := range map[string]struct {
		answer string
		want   error
	}{
		"hangs up":       {"", ErrNoServer},
		"not HTTP":       {"hello\r\n\r\n", ErrBadAnswer},
		"not JSON":       {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{,}", ErrBadAnswer},
		"wrong type":     {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{\"id\":\"x\"}", ErrBadAnswer},
		"not found":      {"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", ErrBadAnswer},
		"truncated":      {"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", ErrNoServer},
		"newer":          {"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{\"schema\":2}", ErrNewer},
		"newer and odd":  {"HTTP/1.1 200 OK\r\nContent-Length: 59\r\n\r\n{\"schema\":2,\"histograms\":[{\"latency\":{\"buckets\":[[3,1]]}}]}", ErrNewer},
		"refuses status": {"HTTP/1.1 409 Conflict\r\nContent-Length: 2\r\n\r\nno", ErrRefused},
	} {
		t.Run(name, func(t *testing.T) {
			path := listen(t, func(c net.Conn) {
				_, _ = c.Read(make([]byte, 4096))
				_, _ = c.Write([]byte(tc.answer))
			})
			if _, err := Fetch(t.Context(), path); !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
		})
	}
	t.Run("too long", func(t *testing.T) {
		was := maxAnswer
		defer func() { maxAnswer = was }()
		maxAnswer = 1 << 20
		chunk := bytes.Repeat([]byte{' '}, 1<<20)
		path := listen(t, func(c net.Conn) {
			_, _ = c.Read(make([]byte, 4096))
			_, _ = c.Write([]byte("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"))
			for {
				if _, err := c.Write(chunk); err != nil {
					return
				}
			}
		})
		if _, err := Fetch(t.Context(), path); !errors.Is(err, ErrBadAnswer) {
			t.Errorf("got %v", err)
		}
	})
}

// listen answers every connection with handle until the test ends.
func listen(t *testing.T, handle func(net.Conn)) string {
	t.Helper()
	path := Socket(t.TempDir())
	l, err := net.Listen("unix", path)
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
	return path
}

// TestServerLimits sends what no client of ours sends.
func TestServerLimits(t *testing.T) {
	path := serveDonor(t, daemon{resizes: func(DonorResize) error { return nil }})
	post := func(body string) string {
		return fmt.Sprintf("POST /resize HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	}
	for name, tc := range map[string]struct {
		request string
		want    int
	}{
		"long header":       {"GET /status HTTP/1.1\r\nHost: x\r\nA: " + strings.Repeat("a", 2*maxHeader) + "\r\n\r\n", http.StatusRequestHeaderFieldsTooLarge},
		"stop by GET":       {"GET /stop HTTP/1.1\r\nHost: x\r\n\r\n", http.StatusMethodNotAllowed},
		"other path":        {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", http.StatusNotFound},
		"resize by GET":     {"GET /resize HTTP/1.1\r\nHost: x\r\n\r\n", http.StatusMethodNotAllowed},
		"no resize":         {post(""), http.StatusBadRequest},
		"resize unknown":    {post(`{"speed":1}`), http.StatusBadRequest},
		"resize wrong type": {post(`{"memory":"1G"}`), http.StatusBadRequest},
		"resize long":       {post(`{"memory":` + strings.Repeat(" ", 2*maxBody) + `1}`), http.StatusBadRequest},
		"not HTTP":          {"\x00\x01\x02\r\n\r\n", http.StatusBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := net.Dial("unix", path)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			_, _ = c.Write([]byte(tc.request)) // the server may hang up before it has read all
			line := make([]byte, 12)
			if _, err := c.Read(line); err != nil {
				t.Fatal(err)
			}
			if want := fmt.Sprintf("HTTP/1.1 %d", tc.want); string(line) != want {
				t.Errorf("got %q, want %q", line, want)
			}
		})
	}
}

// FuzzExchange feeds arbitrary bytes to the client as an answer: it returns a
// status or an error, and never hangs.
func FuzzExchange(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"))
	f.Add([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"))
	f.Add([]byte("HTTP/1.1 409 Conflict\r\n\r\nswapoff"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, answer []byte) {
		path := listen(t, func(c net.Conn) {
			_, _ = c.Read(make([]byte, 4096))
			_, _ = c.Write(answer)
		})
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if _, err := Fetch(ctx, path); errors.Is(err, ErrNoAnswer) {
			t.Error("hangs")
		}
	})
}
