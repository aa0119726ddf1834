package metrics

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/farswap/farswap/status"
)

// synthetic is a device and a donor in which something happens in every field.
type synthetic struct {
	device status.Device
	donor  status.DonorDaemon
	random *rand.Rand
}

var allSources = []string{
	status.SourceFault, status.SourceSwapIn, status.SourceBlockRead, status.SourceBlockWrite, status.SourceRead,
	status.SourceWrite, status.SourceRemoteRead, status.SourceRemoteWrite, status.SourceBackingRead, status.SourceBackingWrite,
}

func newSynthetic(slabs, donors, cgroups int) *synthetic {
	started := time.Now().Add(-time.Hour).Truncate(time.Second)
	s := &synthetic{random: rand.New(rand.NewPCG(1, 2))}
	s.device = status.Device{
		ID: 3, Path: "/dev/ublkb3", State: status.StateLive, Size: int64(slabs) << 26, SlabSize: 1 << 26, Ack: "remote-first",
		Transport: "rdma+tcp", TransportSetting: "auto", PID: 77, Started: started, Target: "swap", Swap: true,
		Degraded: true, Reason: "a donor is lost", Backing: "/var/lib/farswap.swap", BackingOK: true,
		Queues: 2, Depth: 64, MaxIO: 1 << 17, Insecure: true, Sealed: true, Placement: "latency",
		Probes: status.Probes{State: status.ProbesOn, Memory: 1 << 20},
	}
	s.device.Certificate = &status.Certificate{Name: "db1", Serial: "0A", Roles: "device", NotAfter: started.Add(time.Hour * 24), SecondsLeft: 82800}
	s.device.Memory = status.Memory{PerPage: 8, Locked: 42 << 20, PerPageTotal: 1 << 21, PerPageShare: 0.196}
	s.device.Memory.LockedFor = status.Locked{
		Program: 13 << 20, Libraries: 2 << 20, Heap: 6 << 20, Stacks: 1 << 20, Buffers: 16 << 20,
		Map: 2 << 20, Rings: 1 << 19, Probes: 1 << 19, Other: 1 << 20,
	}
	for i := range donors {
		d := status.Donor{Name: fmt.Sprintf("mem%d", i), Address: fmt.Sprintf("mem%d:9400", i), State: donorUpState, Transport: "tcp", Total: 8 << 30, Baseline: 90_000}
		if i == 1 {
			d.State, d.Slow, d.Transport = "down", true, ""
		}
		s.device.Donors = append(s.device.Donors, d)
	}
	for i := range slabs {
		slab := status.Slab{Index: i, State: "unmapped", Pages: 16384}
		if i%4 > 0 {
			slab.State, slab.Donor, slab.RemotePages = "mapped", fmt.Sprintf("mem%d", i%donors), 1000
		}
		s.device.Slabs = append(s.device.Slabs, slab)
	}
	for _, source := range allSources {
		s.device.Histograms = append(s.device.Histograms, status.Histogram{Source: source})
	}
	for i := range cgroups {
		s.device.Cgroups = append(s.device.Cgroups, status.CgroupLatency{ID: uint64(i + 1), Name: fmt.Sprintf("/system.slice/%d.service", i)})
	}
	s.donor = status.DonorDaemon{
		Name: "here", Address: "127.0.0.1:9400", DataAddress: "127.0.0.1:9401", PID: 78, Started: started, Transport: "rdma+tcp", Insecure: true,
		State: status.DonorShort,
		Memory: status.DonorMemory{
			Total: 8 << 30, Mapped: 4 << 30, Prepared: 1 << 26, Free: 4 << 30, Returning: 1 << 27, Room: 1 << 28,
			HeadRoom: 1 << 30, Available: 1 << 31, Machine: 1 << 34, Stall: 0.25,
		},
		Sessions:   []status.DonorSession{{Device: "db1", UUID: "u", Slabs: 3, Bytes: 3 << 26}},
		Leases:     []status.DonorLease{{Device: "db2", Slabs: 1, Bytes: 1 << 26}},
		Identities: []status.DonorIdentity{{Name: "db1", Mapped: 3 << 26}, {Mapped: 1 << 20}},
		Transports: []status.DonorTransport{{Name: "rdma", Connections: 2, Slabs: 3}, {Name: "tcp", Connections: 1, Slabs: 1}},
	}
	s.donor.Certificate = &status.Certificate{Name: "here", Serial: "0B", Roles: "donor", NotAfter: started.Add(time.Hour * 24), SecondsLeft: 82800}
	s.move()
	return s
}

// move lets a second's worth of everything happen.
func (s *synthetic) move() {
	n := func() uint64 { return 1 + s.random.Uint64N(1000) }
	d := &s.device
	d.At = time.Now()
	for _, counter := range []*uint64{
		&d.IO.Reads, &d.IO.Writes, &d.IO.Discards, &d.IO.Errors, &d.IO.Corrupt, &d.IO.Forged, &d.IO.Failovers, &d.IO.Flushes, &d.IO.BytesRead,
		&d.IO.BytesWritten, &d.IO.RemoteReads, &d.IO.RemoteWrites, &d.IO.BackingReads, &d.IO.BackingWrites, &d.IO.ZeroReads, &d.IO.Prefetched, &d.IO.PrefetchHits,
		&d.IO.HedgedReads, &d.IO.HedgedWins,
		&d.Moves.Slabs, &d.Moves.Slow, &d.Moves.Dropped, &d.Moves.Pages, &d.Probes.MajorFaults, &d.Probes.ReadAhead, &d.Probes.ReadUnused, &d.Probes.Lost,
		&s.donor.IO.Reads, &s.donor.IO.Writes, &s.donor.IO.BytesRead, &s.donor.IO.BytesWritten, &s.donor.IO.Refused,
		&s.donor.Evictions, &s.donor.EvictedBytes,
	} {
		*counter += n()
	}
	d.Pages = status.Pages{Remote: int64(n()), Backing: int64(n()), Both: int64(n()), None: int64(n()), Lost: int64(n())}
	d.Moves.Last = int64(n() * 1_000_000)
	for i := range d.Donors {
		d.Donors[i].Free, d.Donors[i].P99 = int64(n()<<20), int64(n()*1000)
	}
	for i := range d.Slabs {
		d.Slabs[i].Activity = float64(n()) / 10
	}
	for i := range d.Histograms {
		s.record(&d.Histograms[i].Latency, 200)
	}
	for i := range d.Cgroups {
		s.record(&d.Cgroups[i].Latency, 1+s.random.IntN(50))
	}
	seq := uint64(1)
	if len(d.Events) > 0 {
		seq = d.Events[0].Seq + 1
	}
	d.Events = []status.Event{{Seq: seq, At: d.At, Level: status.LevelWarn, Kind: status.EventDonorLost, Slab: status.NoSlab}}
	d.Decisions = []status.Decision{{Seq: seq, At: d.At, Rule: "faster"}}
	d.Slowest = []status.SlowPage{{At: d.At, Op: "read", Total: int64(n() * 1_000_000), Blame: status.BlameDonor}}
	s.donor.LastEviction = &status.DonorEviction{At: d.At, Choosing: int64(n()), Asking: int64(n()), Returning: int64(n()), Freeing: int64(n())}
	s.donor.Upgrade = &status.DonorUpgrade{At: d.At, Paused: int64(n())}
	for i := range s.donor.Transports {
		io := &s.donor.Transports[i].IO
		io.Reads, io.Writes = io.Reads+n(), io.Writes+n()
		io.BytesRead, io.BytesWritten = io.BytesRead+n(), io.BytesWritten+n()
	}
}

// record adds durations around 200 µs, some much longer.
func (s *synthetic) record(h *status.Distribution, count int) {
	for range count {
		h.Record(int64(200_000 * math.Exp(s.random.NormFloat64())))
	}
}
