package metrics

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"go.uber.org/goleak"

	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/status/statustest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serveDevice and serveDonor make a server as the exporter sees it: a lock and a socket.
func serveDevice(t *testing.T, dir string, answer func() status.Device) {
	t.Helper()
	serve(t, dir, func(path string) (*status.Server, error) {
		return status.ServeDevice(path, statustest.DeviceFunc(answer))
	})
}

func serveDonor(t *testing.T, dir string, answer func() status.DonorDaemon) {
	t.Helper()
	serve(t, dir, func(path string) (*status.Server, error) {
		return status.ServeDonor(path, statustest.DonorFunc(answer))
	})
}

func serve(t *testing.T, dir string, start func(path string) (*status.Server, error)) {
	t.Helper()
	lock, err := status.Acquire(dir)
	if err != nil {
		t.Fatal(err)
	}
	server, err := start(status.Socket(dir))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(server.Close(), lock.Remove()); err != nil {
			t.Error(err)
		}
	})
}

// machine serves s below a new root, safe against changes under mu.
func machine(t *testing.T, s *synthetic, mu *sync.Mutex) (root string) {
	t.Helper()
	root, err := os.MkdirTemp("", "fs") // short: a socket's path holds 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(root) })
	serveDevice(t, status.StateDir(root, s.device.ID), func() status.Device {
		mu.Lock()
		defer mu.Unlock()
		d := s.device
		d.Histograms = append([]status.Histogram(nil), d.Histograms...)
		d.Cgroups = append([]status.CgroupLatency(nil), d.Cgroups...)
		d.Donors, d.Slabs = append([]status.Donor(nil), d.Donors...), append([]status.Slab(nil), d.Slabs...)
		return d
	})
	serveDonor(t, status.DonorDir(root, s.donor.Name), func() status.DonorDaemon {
		mu.Lock()
		defer mu.Unlock()
		d := s.donor
		d.Transports = append([]status.DonorTransport(nil), d.Transports...)
		return d
	})
	return root
}

// scrape asks a handler as Prometheus does.
func scrape(t *testing.T, h http.Handler, accept string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	r.Header.Set("Accept", accept)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		t.Fatalf("%d: %s", w.Code, w.Body)
	}
	return w
}

const (
	plainText = "text/plain;version=0.0.4"
	protobuf  = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
)

// TestScrape: a device and a donor that answer, a device and a donor that are dead, and
// a device whose server holds its lock and has no socket yet.
func TestScrape(t *testing.T) {
	s, mu := newSynthetic(8, 3, 2), &sync.Mutex{}
	root := machine(t, s, mu)
	for _, dir := range []string{status.StateDir(root, 4), status.DonorDir(root, "gone")} {
		lock, err := status.Acquire(dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := lock.Release(); err != nil {
			t.Fatal(err)
		}
	}
	lock, err := status.Acquire(status.StateDir(root, 5))
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Remove()
	text := scrape(t, New(root, Options{Version: "1.2"}).Handler(), plainText).Body.String()
	for _, want := range []string{
		`farswap_device_up{device="ublkb3"} 1`, `farswap_device_up{device="ublkb4"} 0`, `farswap_device_up{device="ublkb5"} 0`,
		`farswap_device_state{device="ublkb3",state="live"} 1`, `farswap_device_state{device="ublkb3",state="dead"} 0`,
		`farswap_device_state{device="ublkb4",state="dead"} 1`, `farswap_device_state{device="ublkb5",state="unknown"} 1`,
		`farswap_donor_up{donor="here"} 1`, `farswap_donor_up{donor="gone"} 0`,
		`farswap_device_locked_bytes{device="ublkb3"} 4.4040192e+07`,
		`farswap_device_slabs{device="ublkb3",donor="mem0",state="mapped"} 2`,
		`farswap_device_latency_seconds_bucket{device="ublkb3",source="read",le="+Inf"} 200`,
		`farswap_device_latency_seconds_count{device="ublkb3",source="read"} 200`,
		`farswap_exporter_state_readable 1`, `farswap_exporter_info{version="1.2"} 1`, `farswap_exporter_scrape_duration_seconds `,
	} {
		if !strings.Contains(text, "\n"+want) {
			t.Errorf("no line %q", want)
		}
	}
	if strings.Contains(text, "slab_page_activity") {
		t.Error("there are series for each slab")
	}
}

// TestNativeHistograms: asked for protobuf, there are both kinds of buckets.
func TestNativeHistograms(t *testing.T) {
	s := newSynthetic(8, 3, 2)
	w := scrape(t, Handler(machine(t, s, &sync.Mutex{})), protobuf)
	decoder := expfmt.NewDecoder(w.Body, expfmt.ResponseFormat(w.Header()))
	for {
		var f dto.MetricFamily
		err := decoder.Decode(&f)
		if err != nil {
			t.Fatalf("no %s: %v", deviceLatency.name, err)
		}
		if f.GetName() != deviceLatency.name {
			continue
		}
		h := f.Metric[0].GetHistogram()
		if h.GetSchema() != nativeSchema || len(h.PositiveSpan) == 0 || len(h.Bucket) != len(classicPowers) || h.GetSampleCount() != 200 {
			t.Errorf("got %v", h)
		}
		if began := h.GetCreatedTimestamp().AsTime(); !began.Equal(s.device.Started) {
			t.Errorf("began at %v, want %v", began, s.device.Started)
		}
		return
	}
}

// TestOpenMetrics: what Prometheus asks for without native histograms.
func TestOpenMetrics(t *testing.T) {
	w := scrape(t, Handler(machine(t, newSynthetic(8, 3, 2), &sync.Mutex{})), "application/openmetrics-text;version=1.0.0")
	if !strings.HasPrefix(w.Header().Get("Content-Type"), "application/openmetrics-text") || !strings.HasSuffix(w.Body.String(), "# EOF\n") {
		t.Errorf("%s: %.200s", w.Header(), w.Body)
	}
}

// TestScrapesAtOnceAskOnce: servers are not asked more often because more people look.
func TestScrapesAtOnceAskOnce(t *testing.T) {
	root := t.TempDir()
	s := newSynthetic(4, 2, 0)
	var asked atomic.Int32
	release := make(chan struct{})
	serveDevice(t, status.StateDir(root, 3), func() status.Device {
		asked.Add(1)
		<-release
		return s.device
	})
	h := Handler(root)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if text := scrape(t, h, plainText).Body.String(); !strings.Contains(text, `farswap_device_up{device="ublkb3"} 1`) {
				t.Errorf("got %s", text)
			}
		})
	}
	for asked.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(100 * time.Millisecond) // for the others to come, in which case none asks
	close(release)
	all.Wait()
	if n := asked.Load(); n > 5 { // those that came after the first was answered asked again
		t.Errorf("20 scrapes at once asked %d times", n)
	}
}

// TestServerThatHangs: it is down, the others are there, and the scrape ends in time.
func TestServerThatHangs(t *testing.T) {
	s := newSynthetic(4, 2, 0)
	root := machine(t, s, &sync.Mutex{})
	dir := status.StateDir(root, 9)
	lock, err := status.Acquire(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Remove()
	mute, err := net.Listen("unix", status.Socket(dir)) // nobody accepts
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	began := time.Now()
	text := scrape(t, Handler(root), plainText).Body.String()
	for _, want := range []string{`farswap_device_up{device="ublkb9"} 0`, `farswap_device_state{device="ublkb9",state="unknown"} 1`, `farswap_device_up{device="ublkb3"} 1`} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q", want)
		}
	}
	const prometheusWaits = 10 * time.Second // unless it is told otherwise
	if took := time.Since(began); took < askTimeout || took >= prometheusWaits {
		t.Errorf("took %v, with %v for each server", took, askTimeout)
	}
}

func TestOnce(t *testing.T) {
	root := machine(t, newSynthetic(8, 3, 2), &sync.Mutex{})
	var out bytes.Buffer
	if err := New(root, Options{Slabs: true, Cgroups: 1}).WriteText(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`farswap_device_slab_remote_pages{device="ublkb3",donor="mem2",slab="2",state="mapped"} 1000`,
		`farswap_device_cgroup_fault_seconds_count{cgroup="(other)",device="ublkb3"} `,
		"# TYPE farswap_device_latency_seconds histogram",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q", want)
		}
	}
	if err := New(root, Options{}).WriteText(broken{}); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("nobody reads: %v", err)
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// TestNoState: a root that is no folder.
func TestNoState(t *testing.T) {
	root := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(root, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	e := New(root, Options{})
	var out bytes.Buffer
	if err := e.WriteText(&out); !errors.Is(err, ErrState) || !strings.Contains(err.Error(), root) || out.Len() > 0 {
		t.Errorf("got %q, %v", out.String(), err)
	}
	if text := scrape(t, e.Handler(), plainText).Body.String(); !strings.Contains(text, "farswap_exporter_state_readable 0") {
		t.Errorf("got %s", text)
	}
}

// TestRestartedServer: control groups begin anew with their server.
func TestRestartedServer(t *testing.T) {
	s, mu := newSynthetic(4, 2, 3), &sync.Mutex{}
	e := New(machine(t, s, mu), Options{})
	const other = `farswap_device_cgroup_fault_seconds_count{cgroup="(other)",device="ublkb3"} `
	scrape(t, e.Handler(), plainText)
	mu.Lock()
	s.device.Started, s.device.PID = s.device.Started.Add(time.Minute), 79
	s.device.Cgroups = s.device.Cgroups[:1]
	s.device.Cgroups[0].Latency.Sum = 0
	clear(s.device.Cgroups[0].Latency.Counts[:])
	s.device.Cgroups[0].Latency.Record(1 << 20)
	mu.Unlock()
	text := scrape(t, e.Handler(), plainText).Body.String()
	if !strings.Contains(text, other+"0\n") || !strings.Contains(text, `cgroup_fault_seconds_count{cgroup="/system.slice/0.service",device="ublkb3"} 1`) {
		t.Errorf("got %s", text)
	}
}
