package web

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/farswap/farswap/dash/feed"
	"github.com/farswap/farswap/status"
)

// TestOverview: the cluster's stream begins with everything and goes on with what changed.
func TestOverview(t *testing.T) {
	root, w, servers := fakeWorld(t)
	s := serve(t, Config{Root: root, Interval: 100 * time.Millisecond})
	e := openEvents(t, s, "/api/cluster")
	var o overview
	things := map[string]*summary{}
	more := func() {
		o = overview{}
		e.next(&o)
		for key, one := range o.Things {
			if things[key] = one; one == nil {
				delete(things, key)
			}
		}
	}
	for more(); len(things) < 4; more() {
		if len(things) != 0 {
			t.Fatalf("first things: %v", things)
		}
	}
	d := things["local/device/7"]
	want := w.Device()
	if d.Name != want.Path || d.Device.Size != want.Size || d.Device.Pages != want.Pages || d.Device.Donors != 3 || d.Device.DonorsUp != 3 || !d.Device.Swap {
		t.Errorf("device: %+v, %+v", d, d.Device)
	}
	o1 := things["local/donor/mem2"]
	if donor := w.Donor(1); o1.Donor.Mapped != donor.Memory.Mapped || o1.Donor.Sessions != 1 {
		t.Errorf("donor: %+v", o1.Donor)
	}
	for o.Origins[0].State != originUp {
		more()
	}
	if o.Interval != 100 {
		t.Errorf("interval %d", o.Interval)
	}
	if err := servers.KillDevice(); err != nil {
		t.Fatal(err)
	}
	for things["local/device/7"].State != string(feed.Dead) {
		more()
	}
	if things["local/device/7"].Device == nil {
		t.Error("the last figures of a dead device are gone")
	}
	if err := servers.StartDevice(); err != nil {
		t.Fatal(err)
	}
	for things["local/device/7"].State != string(feed.Live) {
		more()
	}
	local := openEvents(t, s, "/api/cluster?scope=local")
	local.next(&o)
	if len(o.Origins) != 1 || len(o.Things) != 4 {
		t.Errorf("local: %+v", o)
	}
}

// page is what a page makes of the events about a device.
type page struct {
	detail
	slabs  map[int64][]int64
	donors []string
	points [][]float64
	fine   map[string][][]any
	coarse map[string][][]any

	coarsePoints [][]float64
}

// event is a detail as a page reads it.
type event struct {
	detail
	Points [][]float64        `json:"points"`
	Fine   map[string][][]any `json:"fine"`
	Coarse map[string][][]any `json:"coarse"`

	CoarsePoints [][]float64 `json:"coarse_points"`
}

func (p *page) next(e *events) *event {
	var d event
	e.next(&d)
	if d.Full {
		*p = page{slabs: map[int64][]int64{}, fine: map[string][][]any{}, coarse: map[string][][]any{}}
	}
	p.State = d.State
	for to, from := range map[*json.RawMessage]json.RawMessage{&p.Device: d.Device, &p.Donors: d.Donors, &p.Slowest: d.Slowest, &p.Cgroups: d.Cgroups, &p.Donor: d.Donor} {
		if from != nil {
			*to = from
		}
	}
	if d.Slabs != nil {
		apply(p.slabs, d.Slabs)
		p.donors = d.Slabs.Donors
	}
	p.Events, p.Decisions = append(p.Events, d.Events...), append(p.Decisions, d.Decisions...)
	p.points, p.coarsePoints = append(p.points, d.Points...), append(p.coarsePoints, d.CoarsePoints...)
	for to, from := range map[*map[string][][]any]map[string][][]any{&p.fine: d.Fine, &p.coarse: d.Coarse} {
		for source, columns := range from {
			(*to)[source] = append((*to)[source], columns...)
		}
	}
	return &d
}

// TestWatch: after any number of events a page has what the device's status says.
func TestWatch(t *testing.T) {
	root, w, _ := fakeWorld(t)
	s := serve(t, Config{Root: root, Interval: 100 * time.Millisecond})
	eventually(t, "a first answer", func() bool { return s.feed.Polls() > 1 })
	e := openEvents(t, s, "/api/watch?thing=local/device/7")
	var p page
	if !p.next(e).Full {
		t.Error("the first event is not full")
	}
	for range 25 {
		w.Step(400 * time.Millisecond)
		if p.next(e).Full {
			t.Error("a later event is full")
		}
	}
	want := w.Device()
	var got status.Device
	for got.At.Before(want.At) { // what is under way is older
		p.next(e)
		if err := json.Unmarshal(p.Device, &got); err != nil {
			t.Fatal(err)
		}
	}
	for part, into := range map[*json.RawMessage]any{&p.Donors: &got.Donors, &p.Slowest: &got.Slowest} {
		if err := json.Unmarshal(*part, into); err != nil {
			t.Fatal(err)
		}
	}
	same := func(what string, a, b any) {
		t.Helper()
		x, y := mustJSON(a), mustJSON(b)
		if string(x) != string(y) {
			t.Errorf("%s: page has\n%s\nstatus\n%s", what, x, y)
		}
	}
	same("I/O", got.IO, want.IO)
	same("pages", got.Pages, want.Pages)
	same("donors", got.Donors, want.Donors)
	same("slowest", got.Slowest, want.Slowest)
	same("events", p.Events, want.Events)
	same("decisions", p.Decisions, want.Decisions)
	if len(p.slabs) != len(want.Slabs) {
		t.Errorf("%d slabs", len(p.slabs))
	}
	for _, one := range want.Slabs {
		v := p.slabs[int64(one.Index)]
		if slabStates[v[0]] != one.State || v[3] != one.RemotePages || (v[1] < 0) != (one.Donor == "") || v[1] >= 0 && p.donors[v[1]] != one.Donor {
			t.Errorf("slab %+v: page has %v", one, v)
		}
	}
	var groups []cgroup
	if err := json.Unmarshal(p.Cgroups, &groups); err != nil || len(groups) != len(want.Cgroups) || groups[0].Count != want.Cgroups[0].Latency.Count() || groups[0].Rate < 0 {
		t.Errorf("groups: %+v, %v", groups, err)
	}
	for i := 1; i < len(p.points); i++ {
		if p.points[i][0] != p.points[i-1][0]+1 {
			t.Errorf("point %v follows %v", p.points[i][0], p.points[i-1][0])
		}
	}
	checkColumns(t, &p)
	if len(p.coarsePoints) != len(p.coarse[status.SourceFault]) || len(p.coarsePoints) == 0 {
		t.Errorf("%d coarse points, %d coarse columns", len(p.coarsePoints), len(p.coarse[status.SourceFault]))
	}
}

// checkColumns: no column is missing or there twice, and those of both histories count the
// same requests.
func checkColumns(t *testing.T, p *page) {
	t.Helper()
	if len(p.fine) != 10 || len(p.coarse) != 10 {
		t.Errorf("%d and %d sources, want 10", len(p.fine), len(p.coarse))
	}
	for source, fine := range p.fine {
		counts := map[int]float64{}
		for i, c := range fine {
			if i > 0 && c[0].(float64) != fine[i-1][0].(float64)+1 {
				t.Errorf("%s: column %v follows %v", source, c[0], fine[i-1][0])
			}
			counts[int(c[0].(float64))/coarsePer] += c[3].(float64)
		}
		last := -1
		for _, c := range p.coarse[source] {
			group := int(c[0].(float64)) / coarsePer
			if group != last+1 {
				t.Errorf("%s: coarse column %d follows %d", source, group, last)
			}
			if last = group; counts[group] != c[3].(float64) {
				t.Errorf("%s: coarse column %d counts %v, the fine ones %v", source, group, c[3], counts[group])
			}
		}
	}
}

func TestWatchOfADonor(t *testing.T) {
	root, w, _ := fakeWorld(t)
	s := serve(t, Config{Root: root, Interval: 100 * time.Millisecond})
	eventually(t, "a first answer", func() bool { return s.feed.Polls() > 1 })
	var p page
	p.next(openEvents(t, s, "/api/watch?thing=local/donor/mem2"))
	var got status.DonorDaemon
	if err := json.Unmarshal(p.Donor, &got); err != nil {
		t.Fatal(err)
	}
	if want := w.Donor(1); !reflect.DeepEqual(got.Memory, want.Memory) || got.Name != "mem2" || len(got.Sessions) != 1 || len(p.points) == 0 {
		t.Errorf("got %+v, %v", got, p.points)
	}
}

func TestWatchOfNothing(t *testing.T) {
	s := serve(t, Config{})
	for path, want := range map[string]string{
		"/api/watch?thing=local/device/9":      "no longer there",
		"/api/watch?thing=local/device/x":      "no longer there",
		"/api/watch?thing=local/donor/..%2f..": "no longer there",
		"/api/watch?thing=mem1:9480/device/0":  "no peer mem1:9480",
	} {
		e := openEvents(t, s, path)
		var got map[string]string
		if e.next(&got); !strings.Contains(got["error"], want) {
			t.Errorf("%s: %v", path, got)
		}
	}
	for _, path := range []string{"/api/watch", "/api/watch?thing=local", "/api/watch?thing=local/slab/1", "/api/watch?thing=/device/1"} {
		if resp := get(t, plain(), "http://"+address(s)+path, nil); resp.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %s", path, resp.Status)
		}
	}
	for _, path := range []string{"/api/status", "/index.html", "/assets/index.html", "/assets/", "/assets/../doc.go"} {
		if resp := get(t, plain(), "http://"+address(s)+path, nil); resp.StatusCode < 300 {
			t.Errorf("%s: %s", path, resp.Status)
		}
	}
	req := func(method string) int {
		return get(t, plain(), "http://"+address(s)+"/api/cluster", func(r *http.Request) { r.Method = method }).StatusCode
	}
	if req(http.MethodPost) != http.StatusMethodNotAllowed || req(http.MethodDelete) != http.StatusMethodNotAllowed {
		t.Error("a stream can be written to")
	}
}

// TestPlacesAreBounded: a reader without a place gets an error, and a place once one is free.
func TestPlacesAreBounded(t *testing.T) {
	root, _, _ := fakeWorld(t)
	s := serve(t, Config{Root: root, Interval: 100 * time.Millisecond})
	eventually(t, "a first answer", func() bool { return s.feed.Polls() > 0 })
	for path, most := range map[string]int{"/api/watch?thing=local/device/7": maxWatches, "/api/cluster": maxOverviews} {
		var all []*http.Response
		for range most {
			resp := get(t, plain(), "http://"+address(s)+path, nil)
			if all = append(all, resp); resp.StatusCode != http.StatusOK {
				t.Fatalf("%s: %s after %d", path, resp.Status, len(all))
			}
		}
		late := get(t, plain(), "http://"+address(s)+path, nil)
		if late.StatusCode != http.StatusServiceUnavailable || late.Header.Get("Retry-After") == "" {
			t.Errorf("%s: one too many gets %s", path, late.Status)
		}
		all[0].Body.Close()
		eventually(t, "a free place", func() bool {
			resp := get(t, plain(), "http://"+address(s)+path, nil)
			defer resp.Body.Close()
			return resp.StatusCode == http.StatusOK
		})
		for _, resp := range all {
			resp.Body.Close()
		}
	}
}

// TestSlowReaderIsLetGo: one that reads nothing loses its place after the deadline, and
// costs no memory meanwhile.
func TestSlowReaderIsLetGo(t *testing.T) {
	s := &Server{watches: make(chan struct{}, 1)}
	ended := make(chan error, 1)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		out, leave, ok := openStream(w, s.watches)
		if !ok {
			return
		}
		defer leave()
		out.deadline = 50 * time.Millisecond
		for {
			if err := out.send(strings.Repeat("x", 1<<20)); err != nil {
				ended <- err
				return
			}
		}
	})}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(l) }()
	defer server.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Fatal("it holds its place for ever")
	}
	eventually(t, "a free place", func() bool { return len(s.watches) == 0 })
}

// TestMemoryOfReaders holds what a reader of 10,000 slabs costs to what the manual says.
func TestMemoryOfReaders(t *testing.T) {
	const n, readers = 10_000, 16
	slabs := bigDevice(n)
	var all [readers]slabMemory
	before := heap()
	for i := range all {
		if c := all[i].change(slabs, nil); len(c.Values) != n*slabFields {
			t.Fatalf("%d values", len(c.Values))
		}
	}
	each := (heap() - before) / readers
	if each > 30*n {
		t.Errorf("a reader of %d slabs costs %d bytes", n, each)
	}
	runtime.KeepAlive(&all)
	t.Logf("a reader of %d slabs costs %d bytes", n, each)
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what the first one found is free only now
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestMetrics: Prometheus may read from the same server, if it may read the page.
func TestMetrics(t *testing.T) {
	root, w, _ := fakeWorld(t)
	s := serve(t, Config{Root: root, Token: testToken})
	if r := get(t, plain(), "http://"+address(s)+"/metrics", nil); r.StatusCode == http.StatusOK {
		t.Errorf("without the token: %s", r.Status)
	}
	r := get(t, plain(), "http://"+address(s)+"/metrics", func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+testToken) })
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("farswap_device_size_bytes{device=%q} ", strings.TrimPrefix(w.Device().Path, "/dev/"))
	if r.StatusCode != http.StatusOK || !strings.Contains(string(text), want) {
		t.Errorf("%s, no %s in it:\n%.300s", r.Status, want, text)
	}
}

// TestHeaders: every answer forbids what the page does not need.
func TestHeaders(t *testing.T) {
	s := serve(t, Config{Token: testToken})
	for _, path := range []string{"/", "/login", "/assets/app.js", "/api/cluster", "/nothing"} {
		h := get(t, plain(), "http://"+address(s)+path, nil).Header
		csp := h.Get("Content-Security-Policy")
		for _, part := range []string{"default-src 'none'", "script-src 'self'", "connect-src 'self'", "frame-ancestors 'none'", "require-trusted-types-for 'script'"} {
			if !strings.Contains(csp, part) {
				t.Errorf("%s: policy %q lacks %s", path, csp, part)
			}
		}
		if strings.Contains(csp, "unsafe") || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%s: %v", path, h)
		}
	}
}

// TestAssets: nothing in the page's own files names another host, and none of them turns
// text into markup.
func TestAssets(t *testing.T) {
	all, err := loadAssets()
	if err != nil {
		t.Fatal(err)
	}
	allowed := []string{"http://www.w3.org/2000/svg"} // a name space, not an address
	for name, a := range all {
		if strings.HasPrefix(name, "uplot/") {
			continue
		}
		text := string(a.data)
		for _, word := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "style=\"", "onclick=\""} {
			if strings.Contains(text, word) {
				t.Errorf("%s has %s", name, word)
			}
		}
		for _, scheme := range []string{"http://", "https://", "//cdn"} {
			for rest := text; ; {
				i := strings.Index(rest, scheme)
				if i < 0 {
					break
				}
				rest = rest[i:]
				if !slices.ContainsFunc(allowed, func(p string) bool { return strings.HasPrefix(rest, p) }) {
					t.Errorf("%s names %.40q", name, rest)
				}
				rest = rest[1:]
			}
		}
	}
	if all["uplot/LICENSE"] == nil || all["uplot/uPlot.js"] == nil {
		t.Error("uPlot or its licence is missing")
	}
}

func TestAssetsAreKept(t *testing.T) {
	s := serve(t, Config{})
	first := get(t, plain(), "http://"+address(s)+"/assets/app.js", nil)
	tag := first.Header.Get("ETag")
	again := get(t, plain(), "http://"+address(s)+"/assets/app.js", func(r *http.Request) { r.Header.Set("If-None-Match", tag) })
	if tag == "" || again.StatusCode != http.StatusNotModified || first.Header.Get("Content-Type") != "text/javascript; charset=utf-8" {
		t.Errorf("%q, %s, %v", tag, again.Status, first.Header)
	}
}

// TestQuietStreamIsAlive: a stream on which nothing changes says so.
func TestQuietStreamIsAlive(t *testing.T) {
	s := serve(t, Config{Interval: time.Minute})
	resp := get(t, plain(), "http://"+address(s)+"/api/cluster", nil)
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		if lines.Text() == "event: alive" {
			return
		}
	}
	t.Errorf("ended: %v", lines.Err())
}

func TestJoined(t *testing.T) {
	var points []point
	for i := uint64(1); i < 25; i++ {
		p := point{i, int64(1000 * i), int64(1000)}
		if i%2 == 0 { // every other time there was no answer
			p = append(p, float64(i), 10.0)
		}
		points = append(points, p)
	}
	want := []point{{uint64(0), int64(9000), int64(9000), 5.0, 10.0}, {uint64(10), int64(19000), int64(10000), 14.0, 10.0}}
	if got := joined(points); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := joined(points[3:6]); got != nil {
		t.Errorf("of a part: %v", got)
	}
}
