package swapdev

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/rs/zerolog"

	"github.com/farswap/farswap/cluster"
	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/internal/floodtest"
	"github.com/farswap/farswap/ublk"
	"github.com/farswap/farswap/verbs"
	"github.com/farswap/farswap/verbs/tcp"
)

// ./do strangers sets these.
var (
	strangersTime = flag.Duration("strangers", time.Second, "how long strangers flood")
	strangersRate = flag.Int("strangers-rate", 1000, "connections per second of strangers, to each port")
)

// mostGrowth is by how much strangers may make a server grow, in bytes.
const mostGrowth = 8 << 20

// depths are how many requests the device has under way at once.
var depths = []int{1, 8}

// strangersRig is a device that pages to a donor, which is another process. Both gossip.
type strangersRig struct {
	*inline
	folder  string
	device  *control.Identity
	servers map[string]*part
	ports   map[string]string // address by name
	page    int64
}

func newStrangersRig(t *testing.T) *strangersRig {
	t.Helper()
	s := &strangersRig{folder: t.TempDir(), servers: map[string]*part{}, ports: map[string]string{}}
	s.identities(t)
	o := order{Folder: s.folder}
	donor, exporter := startPart(t, "donor", o), startPart(t, "exporter", o)
	s.servers["donor"], s.servers["exporter"] = donor, exporter
	for i, address := range donor.addresses() {
		s.ports[[]string{"control", "pages", "donor's gossip"}[i]] = address
	}
	s.ports["metrics"] = exporter.addresses()[0]

	keys, err := cluster.LoadKeys(o.key())
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, rigOptions{inline: true, prepare: func(c *Config) {
		c.Donors, c.Insecure, c.Identity = []string{s.ports["control"]}, false, s.device
		c.Backing, c.AcceptLoss, c.OpTimeout, c.Patience = NoBacking, true, time.Minute, time.Minute
	}})
	s.inline = &inline{r, r.bench.Queue().Depth()}
	gossip, err := cluster.OpenGossip(t.Context(), cluster.Config{
		Listen: "127.0.0.1:0", Key: keys[0], Join: []string{s.ports["donor's gossip"]}, MustJoin: true, Log: zerolog.Nop(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := gossip.Close(); err != nil {
			t.Error(err)
		}
	})
	s.ports["device's gossip"] = gossip.Address()
	s.until("all slabs are mapped", func() bool {
		for slab := range r.engine.pages.Geometry().Slabs() {
			first, _ := r.engine.pages.Geometry().PageRange(slab)
			s.batch(ublk.OpWrite, first, 1)
		}
		return s.mapped() == r.engine.pages.Geometry().Slabs()
	})
	return s
}

// identities makes those of the donor and the device, and the cluster's key.
func (s *strangersRig) identities(t *testing.T) {
	t.Helper()
	ca := filepath.Join(s.folder, "ca")
	if err := control.InitCA(ca, "ca"); err != nil {
		t.Fatal(err)
	}
	for name, roles := range map[string][]control.Role{"donor": {control.RoleDonor, control.RoleViewer}, "device": {control.RoleDevice}} {
		if err := control.Issue(ca, filepath.Join(s.folder, name), name, []string{"127.0.0.1"}, roles...); err != nil {
			t.Fatal(err)
		}
	}
	if err := cluster.WriteKey(filepath.Join(s.folder, "key")); err != nil {
		t.Fatal(err)
	}
	var err error
	if s.device, err = control.LoadIdentity(filepath.Join(s.folder, "device")); err != nil {
		t.Fatal(err)
	}
}

// targets are the addresses to flood.
func (s *strangersRig) targets() (all []string) {
	for _, address := range s.ports {
		all = append(all, address)
	}
	return all
}

// latencies are those of a phase, in nanoseconds, by the index in depths.
type latencies [2]*hdrhistogram.Histogram

func newLatencies() (l latencies) {
	for i := range l {
		l[i] = hdrhistogram.New(1000, int64(time.Minute), 3)
	}
	return l
}

func (l latencies) p99(i int) time.Duration { return time.Duration(l[i].ValueAtQuantile(99)) }

// work reads and writes pages at each depth until over says so.
func (s *strangersRig) work(over func() bool) latencies {
	l := newLatencies()
	for !over() {
		for i, depth := range depths {
			for _, op := range []ublk.Op{ublk.OpRead, ublk.OpWrite} {
				begun := time.Now()
				s.batch(op, s.page, depth)
				_ = l[i].RecordValue(int64(time.Since(begun)))
				s.page = (s.page + 8) % 4096
			}
		}
	}
	return l
}

// workUnder works while strangers flood, and returns what they did. Strangers who yield take only the time that
// all others leave. met is called meanwhile, if it is not nil.
func (s *strangersRig) workUnder(targets []string, yield bool, met func(context.Context)) (latencies, []floodtest.Result) {
	flood := startPart(s.t, "flood", order{Flood: floodtest.Config{
		Targets: targets, Sources: strangersAddresses, Rate: *strangersRate, For: *strangersTime,
	}})
	if yield {
		flood.yield()
	}
	ctx, cancel := context.WithCancel(s.t.Context())
	var ended atomic.Bool
	var results []floodtest.Result
	var others sync.WaitGroup
	others.Go(func() {
		defer cancel()
		defer ended.Store(true)
		flood.hear(&results)
	})
	if met != nil {
		others.Go(func() { met(ctx) })
	}
	l := s.work(ended.Load)
	others.Wait()
	flood.stop()
	return l, results
}

// strangersAddresses are not the device's.
var strangersAddresses = []string{"127.9.0.1", "127.9.0.2", "127.9.0.3", "127.9.0.4"}

// growth follows the memory of the servers. The device is in this process.
type growth struct {
	pids          map[string]int
	before, peaks map[string]int64
}

func (s *strangersRig) newGrowth() *growth {
	g := &growth{pids: map[string]int{"device": os.Getpid()}, before: map[string]int64{}, peaks: map[string]int64{}}
	for name, p := range s.servers {
		g.pids[name] = p.cmd.Process.Pid
	}
	g.look(s.t)
	for name, size := range g.peaks {
		g.before[name] = size
	}
	return g
}

func (g *growth) look(t testing.TB) {
	for name, pid := range g.pids {
		g.peaks[name] = max(g.peaks[name], resident(t, pid))
	}
}

// visits are what a peer that the donor knows has met while strangers flooded.
type visits struct {
	tried, failed int
	longest       time.Duration
	last          error
}

// visit opens a session and a data connection, again and again, until the context ends. It looks at the memory
// of the servers in between.
func (s *strangersRig) visit(ctx context.Context, g *growth) (v visits) {
	device, err := tcp.Open(tcp.Config{HandshakeTimeout: time.Minute})
	if err != nil {
		s.t.Error(err)
		return v
	}
	defer device.Close()
	for {
		begun := time.Now()
		v.tried++
		if err := s.visitOnce(s.t.Context(), device); err != nil {
			v.failed++
			v.last = err
		} else {
			v.longest = max(v.longest, time.Since(begun))
		}
		for wait := time.Now().Add(*strangersTime / 10); time.Now().Before(wait); {
			g.look(s.t)
			select {
			case <-ctx.Done():
				return v
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
}

func (s *strangersRig) visitOnce(ctx context.Context, device verbs.Device) error {
	session, err := control.Dial(ctx, s.ports["control"], control.DialConfig{
		Device: control.NewUUID(), Name: "visitor", SlabSize: testSlab, Identity: s.device,
		Timing: control.Timing{Handshake: time.Minute, Ping: time.Second, Missed: 60, Call: time.Minute},
	})
	if err != nil {
		return err
	}
	defer session.Close()
	w := session.Welcome()
	conn, err := device.Connect(ctx, session.DataAddress("tcp"), verbs.Credential{Session: verbs.SessionID(w.Session), Secret: w.Secret}, verbs.QPConfig{})
	if err != nil {
		return err
	}
	return conn.Close()
}

// Strangers who connect to every port of a donor and a device cost them little: neither grows, and who is known
// gets in. What the device's pages pay is printed: it depends on what else the machine does. Beside it stands
// the price of the same flood to a server that only accepts and closes.
//
// On a machine of their own strangers would take no processor from the device. So they flood twice: with the
// time that others leave, and in competition with everybody.
func TestStrangersAreCheap(t *testing.T) {
	s := newStrangersRig(t)
	s.work(after(*strangersTime / 2)) // until everything is warm
	quiet := s.work(after(*strangersTime))
	g := s.newGrowth()
	for _, yield := range []bool{true, false} {
		t.Logf("strangers who yield: %v", yield)
		s.compare(t, quiet, yield, g)
	}
	for name := range g.pids {
		grown := g.peaks[name] - g.before[name]
		t.Logf("memory of the %s: %.1f MiB, grown by %.1f MiB", name, float64(g.before[name])/(1<<20), float64(grown)/(1<<20))
		if grown > mostGrowth*growthFactor {
			t.Errorf("the %s has grown by %d KiB, want %d at most", name, grown>>10, mostGrowth*growthFactor>>10)
		}
	}
}

// compare floods a plain server, and then those of the rig.
func (s *strangersRig) compare(t *testing.T, quiet latencies, yield bool, g *growth) {
	t.Helper()
	plain := startPart(t, "plain", order{Listeners: len(s.ports)})
	control, controlResults := s.workUnder(plain.addresses(), yield, nil)
	plain.stop()

	var v visits
	flooded, results := s.workUnder(s.targets(), yield, func(ctx context.Context) { v = s.visit(ctx, g) })
	g.look(t)

	for i, depth := range depths {
		t.Logf("p99 at depth %d: %v quiet, %v while a plain server is flooded, %v under strangers: %.2f times quiet, %.2f times the plain server's",
			depth, quiet.p99(i), control.p99(i), flooded.p99(i), ratio(flooded.p99(i), quiet.p99(i)), ratio(flooded.p99(i), control.p99(i)))
	}
	t.Logf("the plain server's ports: %s", sum(controlResults))
	for name, address := range s.ports {
		for _, r := range results {
			if r.Target == address {
				t.Logf("%s: %s", name, sum([]floodtest.Result{r}))
			}
		}
	}
	t.Logf("all ports: %s", sum(results))
	t.Logf("a known peer got in %d times of %d, after %v at most", v.tried-v.failed, v.tried, v.longest)
	if v.failed == v.tried { // on a machine that is busy, an attempt may take too long
		t.Errorf("a known peer was kept out %d times of %d: %v", v.failed, v.tried, v.last)
	}
}

// after returns a function that says whether a time is over.
func after(d time.Duration) func() bool {
	end := time.Now().Add(d)
	return func() bool { return time.Now().After(end) }
}

func ratio(a, b time.Duration) float64 { return float64(a) / float64(b) }

// sum says what strangers did.
func sum(results []floodtest.Result) string {
	rate, tried, made := 0.0, 0, 0
	for _, r := range results {
		rate, tried, made = rate+r.PerSecond(), tried+r.Tried, made+r.Made
	}
	return fmt.Sprintf("%.0f connections/s tried, %.1f%% of them made", rate, 100*float64(made)/float64(max(tried, 1)))
}
