package dashtest

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/farswap/farswap/internal/loghist"
	"github.com/farswap/farswap/status"
)

// load does the I/O of one step.
func (w *World) load(d time.Duration) {
	seconds := d.Seconds()
	high := 1 + 0.5*math.Sin(2*math.Pi*float64(w.now.Sub(w.started))/float64(tide))
	reads := uint64(4200 * high * seconds * (0.9 + 0.2*w.rand.Float64()))
	writes := uint64(1500 * high * seconds * (0.7 + 0.6*w.rand.Float64()))

	shares, none := w.activity(float64(reads+writes), seconds)
	var remotes [len(Names)]uint64 // reads of each donor
	remote := uint64(0)
	for i := range w.donors {
		remotes[i] = uint64(float64(reads) * shares[i])
		remote += remotes[i]
	}
	if none == 0 { // rounding must not make reads where there is no donor
		remotes[0] += reads - remote
		remote = reads
	}
	backing := reads - remote
	io := &w.device.IO
	io.Reads += reads
	io.Writes += writes
	io.BytesRead += reads * pageSize
	io.BytesWritten += writes * 8 * pageSize // writes of swap come in clusters
	io.RemoteReads += remote
	io.RemoteWrites += uint64(float64(writes*8) * (1 - none))
	io.BackingReads += backing
	io.BackingWrites += writes * 8
	io.Discards += writes / 20
	w.device.Probes.MajorFaults += reads
	w.device.Probes.ReadAhead += reads * 2
	w.device.Probes.ReadUnused += reads / 3

	slow := w.donors[slowOne].slow || w.phase() >= slowFrom && w.phase() < slowTo
	var period [len(Names)]loghist.Histogram
	for i := range w.donors {
		n := remotes[i]
		median := 14e3 + 2e3*float64(i)
		if slow && i == slowOne {
			median *= 10
		}
		w.sample(n, func(page int64) {
			wire := int64(median * w.lognormal(0.25) * w.tail(0.004, 12))
			w.read(&period[i], Names[i], i, wire, page)
		})
		o := &w.donors[i]
		o.latency.Add(&period[i])
		o.p99 = period[i].Quantile(0.99)
		o.io.Reads += n
		o.io.BytesRead += n * pageSize
		out := uint64(float64(writes*8) * shares[i])
		o.io.Writes += out
		o.io.BytesWritten += out * pageSize
	}
	w.sample(backing, func(page int64) { w.read(nil, "", -1, int64(900e3*w.lognormal(0.5)*w.tail(0.02, 8)), page) })
	w.sample(writes, func(int64) {
		wire := int64(19e3 * w.lognormal(0.3) * w.tail(0.003, 10))
		server := wire + int64(4e3*w.lognormal(0.3))
		w.record(status.SourceRemoteWrite, wire)
		w.record(status.SourceWrite, server)
		w.record(status.SourceBlockWrite, server+int64(6e3*w.lognormal(0.3)))
		w.record(status.SourceBackingWrite, int64(2.2e6*w.lognormal(0.6)))
	})
	cut := w.now.Add(-time.Minute)
	w.device.Slowest = slices.DeleteFunc(w.device.Slowest, func(p status.SlowPage) bool { return p.At.Before(cut) })
}

// read records one read, from the fault down. wire is the time at the donor, or in the
// backing file if there is no donor.
func (w *World) read(at *loghist.Histogram, name string, donor int, wire, page int64) {
	server := wire + int64(3e3*w.lognormal(0.3))
	block := server + int64(6e3*w.lognormal(0.3))
	swapin := block + int64(2e3*w.lognormal(0.2))
	if at != nil {
		w.recordIn(at, wire)
		w.record(status.SourceRemoteRead, wire)
	} else {
		w.record(status.SourceBackingRead, wire)
	}
	w.record(status.SourceRead, server)
	w.record(status.SourceBlockRead, block)
	w.record(status.SourceSwapIn, swapin)
	fault := swapin + int64(4e3*w.lognormal(0.3))
	w.record(status.SourceFault, fault)
	group := 0
	if page%5 == 0 {
		group = 1 + int(page)%2
	}
	w.recordIn((*loghist.Histogram)(&w.cgroups[group].Latency), fault)
	index := w.slabOf(donor, page)
	w.recordIn(&w.slabs[index].latency, block)
	if n := len(w.device.Slowest); n == maxSlow && server <= w.device.Slowest[n-1].Total {
		return
	}
	p := status.SlowPage{At: w.now, Op: "read", Page: page + int64(index)*slabPages, Slab: index, Donor: name, Total: server, Remote: wire, Blame: "donor"}
	if donor < 0 {
		p.Remote, p.Backing, p.Blame = 0, wire, "backing"
	}
	list := append(w.device.Slowest, p)
	slices.SortStableFunc(list, func(a, b status.SlowPage) int { return cmp.Compare(b.Total, a.Total) })
	w.device.Slowest = list[:min(len(list), maxSlow)]
}

// activity spreads page I/Os over the slabs. It returns the share of each donor and of
// the backing file.
func (w *World) activity(ios, seconds float64) (shares [len(Names)]float64, none float64) {
	// The working set wanders through the address space.
	centre := 0.5 + 0.45*math.Sin(2*math.Pi*float64(w.now.Sub(w.started))/float64(7*time.Minute))
	var weight [slabs]float64
	sum := 0.0
	for i := range slabs * 3 / 4 {
		away := (float64(i)/(slabs*3/4) - centre) / 0.12
		weight[i] = w.slabs[i].warmth * (0.02 + math.Exp(-away*away/2))
		sum += weight[i]
	}
	for i := range w.slabs {
		s := &w.slabs[i]
		share := weight[i] / sum
		s.activity += (share*ios/seconds - s.activity) * min(1, seconds/5)
		if s.donor >= 0 {
			s.remote = min(slabPages, s.remote+int64(share*ios/10))
			shares[s.donor] += share
		} else {
			none += share
		}
	}
	return shares, none
}

// slabOf returns a slab of a donor, the same one for the same page.
func (w *World) slabOf(donor int, page int64) int {
	for n := range slabs {
		if i := (int(page)*7 + n) % slabs; w.slabs[i].donor == donor {
			return i
		}
	}
	return 0
}

// sample calls one for some of n requests. Each call stands for w.weight requests.
func (w *World) sample(n uint64, one func(page int64)) {
	for left := n; left > 0; {
		w.weight = max(1, n/draws)
		w.weight = min(w.weight, left)
		left -= w.weight
		one(w.rand.Int64N(slabPages))
	}
}

func (w *World) record(source string, ns int64) { w.recordIn(w.hist[source], ns) }

// recordIn counts a duration w.weight times.
func (w *World) recordIn(h *loghist.Histogram, ns int64) {
	h.Counts[loghist.Index(uint64(ns))] += w.weight
	h.Sum += uint64(ns) * w.weight
}

func (w *World) lognormal(sigma float64) float64 { return math.Exp(sigma * w.rand.NormFloat64()) }

// tail returns 1, or now and then a number up to a factor.
func (w *World) tail(share, factor float64) float64 {
	if w.rand.Float64() < share {
		return 2 + w.rand.Float64()*(factor-2)
	}
	return 1
}
