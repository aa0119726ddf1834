package dashtest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/farswap/farswap/internal/loghist"
	"github.com/farswap/farswap/status"
)

// Sizes and times of a world.
const (
	DeviceID  = 7
	slabs     = 256
	slabSize  = 64 << 20
	pageSize  = 4096
	slabPages = slabSize / pageSize
	donorSize = 8 << 30

	period = 180 * time.Second // after which its events repeat
	tide   = 300 * time.Second // in which its load rises and falls
	draws  = 400               // samples of a source in a step; each stands for many requests
)

// Names of the donors.
var Names = [3]string{"mem1", "mem2", "mem3"}

// World is a device, its donors and their history. All methods may be called from
// several goroutines at once.
type World struct {
	mu      sync.Mutex // guards all below
	rand    *rand.Rand
	now     time.Time
	started time.Time
	pid     int

	device  status.Device
	sources []string
	hist    map[string]*loghist.Histogram
	cgroups []status.CgroupLatency
	donors  [len(Names)]donor
	slabs   [slabs]slab
	weight  uint64 // requests that a sample stands for
}

type donor struct {
	state     string
	latency   loghist.Histogram // of the device's reads there, since the start
	p99       int64
	slow      bool
	io        status.DonorIO
	evictions uint64
	last      *status.DonorEviction
}

type slab struct {
	donor    int // -1: on none
	state    string
	warmth   float64 // its share of the load, before the working set moves
	activity float64
	remote   int64
	latency  loghist.Histogram
}

// New makes a world at a time, with its device just started.
func New(seed uint64, at time.Time) *World {
	w := &World{rand: rand.New(rand.NewPCG(seed, 7)), now: at}
	w.begin(at, 4000+int(seed%1000))
	return w
}

// begin starts the device's server.
func (w *World) begin(at time.Time, pid int) {
	w.started, w.pid = at, pid
	w.sources = []string{
		status.SourceFault, status.SourceSwapIn, status.SourceBlockRead, status.SourceBlockWrite, status.SourceRead,
		status.SourceWrite, status.SourceRemoteRead, status.SourceRemoteWrite, status.SourceBackingRead, status.SourceBackingWrite,
	}
	w.hist = map[string]*loghist.Histogram{}
	for _, s := range w.sources {
		w.hist[s] = &loghist.Histogram{}
	}
	w.cgroups = []status.CgroupLatency{{ID: 11, Name: "/system.slice/postgresql.service"}, {ID: 12, Name: "/user.slice"}, {ID: 13, Name: "/system.slice/redis.service"}}
	w.device = status.Device{
		ID: DeviceID, Path: fmt.Sprint("/dev/ublkb", DeviceID), State: status.StateLive, Size: slabs * slabSize, SlabSize: slabSize,
		Ack: "remote-first", Transport: "rdma", TransportSetting: "auto", PID: pid, Started: at, Target: "swap", Swap: true, Sealed: true,
		Backing: "/var/lib/farswap.swap", BackingOK: true, Queues: 2, Depth: 64, MaxIO: 128 << 10,
		Ublk: []string{"user-recovery", "reissue"}, Placement: "latency",
		Probes: status.Probes{State: status.ProbesOn, Hooks: []string{"do_swap_page", "swap_read_folio", "block_rq_complete"}, Memory: 812 << 10},
	}
	w.device.Memory.SetPerPage(8*slabs*slabPages, w.device.Size, pageSize)
	w.device.Memory.Locked = 96 << 20
	for i := range w.donors {
		w.donors[i].state = "up"
		w.donors[i].latency = loghist.Histogram{}
		w.event("info", "donor-up", -1, Names[i], "donor is connected over rdma")
	}
	for i := range w.slabs {
		s := &w.slabs[i]
		*s = slab{donor: -1, state: "unmapped", warmth: math.Exp(1.2 * w.rand.NormFloat64())}
		if i < slabs*3/4 { // a quarter was never used
			s.donor, s.state = w.rand.IntN(len(Names)), "mapped"
			s.remote = slabPages/4 + w.rand.Int64N(slabPages*3/4)
		}
	}
}

// Now returns the world's time.
func (w *World) Now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

// Restart starts the device's server anew, so that all its counters begin at 0.
func (w *World) Restart() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.begin(w.now, w.pid+1)
}

// Step lets time pass, in steps of a second at most.
func (w *World) Step(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for d > 0 {
		part := min(d, time.Second)
		before := w.now.Sub(w.started)
		w.now = w.now.Add(part)
		w.happen(before%period, before%period+part)
		w.load(part)
		d -= part
	}
}

// Device returns the status of the device now.
func (w *World) Device() status.Device {
	w.mu.Lock()
	defer w.mu.Unlock()
	d := w.device
	d.At = w.now
	d.Events = append([]status.Event{}, d.Events...)
	d.Decisions = append([]status.Decision{}, d.Decisions...)
	d.Slowest = append([]status.SlowPage{}, d.Slowest...)
	d.Latency = status.Latency{Read: quantiles(w.hist[status.SourceRead]), Write: quantiles(w.hist[status.SourceWrite])}
	for _, s := range w.sources {
		d.Histograms = append(d.Histograms, status.Histogram{Source: s, Latency: status.Distribution(*w.hist[s])})
	}
	d.Cgroups = append([]status.CgroupLatency{}, w.cgroups...)
	held := [len(Names)]int{}
	for i := range w.slabs {
		s := &w.slabs[i]
		r := status.Slab{Index: i, State: s.state, Activity: s.activity, RemotePages: s.remote, Pages: slabPages, Latency: quantiles(&s.latency)}
		if s.donor >= 0 {
			r.Donor = Names[s.donor]
			held[s.donor]++
		}
		d.Slabs = append(d.Slabs, r)
		d.Pages.Both += s.remote * 9 / 10
		d.Pages.Remote += s.remote - s.remote*9/10
		if s.donor < 0 && s.state == "unmapped" && i < slabs*3/4 {
			d.Pages.Backing += slabPages / 2
		}
	}
	d.Pages.None = slabs*slabPages - d.Pages.Both - d.Pages.Remote - d.Pages.Backing
	for i := range w.donors {
		o := &w.donors[i]
		r := status.Donor{
			Name: Names[i], Address: fmt.Sprintf("10.0.0.%d:9400", 11+i), State: o.state, Slabs: held[i], Latency: quantiles(&o.latency),
			Transport: "rdma", Free: donorSize - int64(held[i])*slabSize, Total: donorSize, P99: o.p99, Baseline: 38_000, Slow: o.slow,
		}
		if o.state != "up" {
			r.Transport, r.Error = "", "connection refused"
			d.Degraded, d.Reason = true, "a donor is not connected"
		}
		d.Donors = append(d.Donors, r)
	}
	return d
}

func quantiles(h *loghist.Histogram) status.Quantiles {
	return status.Quantiles{P50: h.Quantile(0.5), P99: h.Quantile(0.99), P999: h.Quantile(0.999)}
}

// Donor returns the status of the donor with this index in Names, as it sees itself.
func (w *World) Donor(i int) status.DonorDaemon {
	w.mu.Lock()
	defer w.mu.Unlock()
	o, held := &w.donors[i], int64(0)
	for j := range w.slabs {
		if w.slabs[j].donor == i {
			held++
		}
	}
	m := status.DonorMemory{
		Total: donorSize, Mapped: held * slabSize, Prepared: 256 << 20, Free: donorSize - held*slabSize,
		HeadRoom: 4 << 30, Available: 9 << 30, Machine: 32 << 30, Room: 3 << 30, Stall: 0.002,
	}
	state := status.DonorServing
	if w.wants(i) {
		state, m.Available, m.Room, m.Stall = status.DonorShort, 3<<30, 0, 0.12
	}
	return status.DonorDaemon{
		Name: Names[i], Address: fmt.Sprintf("10.0.0.%d:9400", 11+i), DataAddress: fmt.Sprintf("10.0.0.%d:9401", 11+i), Memory: m,
		Sessions: []status.DonorSession{{Device: "db1", UUID: "5b0c0c52-9f4e-4a56-b3a5-7f7d0f6c6a01", Identity: "db1", Address: "10.0.0.1:40112", Slabs: int(held), Bytes: held * slabSize, Since: w.started}},
		IO:       o.io, PID: 5000 + i, Started: w.started, Transport: "rdma+tcp", State: state,
		Transports: []status.DonorTransport{{Name: "rdma", Address: fmt.Sprintf("10.0.0.%d:9402", 11+i), Connections: 2, Slabs: held, IO: o.io}},
		Identities: []status.DonorIdentity{{Name: "db1", Mapped: held * slabSize}},
		Evictions:  o.evictions, EvictedBytes: o.evictions * slabSize, LastEviction: o.last,
	}
}
