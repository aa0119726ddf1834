package swapdev

import (
	"flag"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/farswap/farswap/internal/proxytest"
	"github.com/farswap/farswap/swapdev/lenders"
	"github.com/farswap/farswap/ublk"
	"github.com/farswap/farswap/verbs"
)

// stallTime is how long BenchmarkOneOfThreeStalls measures before and during a stall.
var stallTime = flag.Duration("stall", 5*time.Second, "length of the stall in the benchmark of one")

// trio is a rig with three donors whose bytes can be held back. All its slabs are mapped, and
// have pages that are read and others that are written.
type trio struct {
	*rig
	ways  [][]*proxytest.Proxy // by donor
	slabs [][]int              // by donor
}

// readable is how many pages at the begin of each slab are only read. The others are only
// written.
const readable = 512

func newTrio(t testing.TB) *trio {
	t.Helper()
	s := &trio{slabs: make([][]int, 3)}
	var addresses []string
	for range 3 {
		d := startDonor(t, 16*testSlab)
		t.Cleanup(d.kill)
		control := proxytest.Start(t, d.address)
		s.ways = append(s.ways, []*proxytest.Proxy{control})
		addresses = append(addresses, control.Addr())
	}
	var data *detour
	s.rig = newRig(t, rigOptions{
		prepare: func(c *Config) {
			c.Donors, c.Size, c.Grace, c.NoPrefetch = addresses, 12*testSlab, time.Minute, true
			c.OpTimeout, c.Patience, c.Late = DefaultOpTimeout, DefaultPatience, DefaultLate
		},
		wrap: func(v verbs.Device) verbs.Device {
			data = &detour{Device: v, t: t, ways: make(map[string]*proxytest.Proxy)}
			return data
		},
	})
	s.until("all donors are connected", func() bool {
		for _, d := range s.engine.report().Donors {
			if d.State != string(lenders.StateUp) {
				return false
			}
		}
		return true
	})
	for donor := range s.ways {
		s.ways[donor] = append(s.ways[donor], data.way(s.dataAddress(uint16(donor))))
	}
	all := make([]int, 12)
	for slab := range all {
		all[slab] = slab
	}
	s.heat(all...)
	for _, slab := range all {
		first, end := s.engine.pages.Geometry().PageRange(slab)
		for page := first; page < end; page += 16 {
			s.write(0, page, 1, 16)
		}
		s.settle(first, int(end-first))
		donor := s.engine.pages.Slab(slab).Donor
		s.slabs[donor] = append(s.slabs[donor], slab)
	}
	for donor, slabs := range s.slabs {
		if len(slabs) == 0 {
			t.Fatalf("donor %d has no slab", donor)
		}
	}
	return s
}

// stall holds back all that passes between the device and a donor, or lets it go on.
func (s *trio) stall(donor uint16, hold bool) {
	for _, p := range s.ways[donor] {
		if hold {
			p.Hold()
		} else {
			p.Release()
		}
	}
}

// pageOf is a page at random of a slab of one of the donors, read or written by the load.
func (s *trio) pageOf(written bool, donors ...uint16) int64 {
	slabs := s.slabs[donors[rand.IntN(len(donors))]]
	first, end := s.engine.pages.Geometry().PageRange(slabs[rand.IntN(len(slabs))])
	if written {
		return first + readable + rand.Int64N(end-first-readable)
	}
	return first + rand.Int64N(readable)
}

// measured is what a steady load has taken, in nanoseconds.
type measured struct {
	mu            sync.Mutex // guards the fields below
	reads, writes []int64
}

// during has workers read and write for a while, each one page at a time. What is measured are
// the reads of donors 1 and 2, and all writes.
func (s *trio) during(d time.Duration) *measured {
	const pause = 4 * time.Millisecond // on average, so that this machine itself is no bottleneck
	m, end := new(measured), time.Now().Add(d)
	var workers sync.WaitGroup
	work := func(n int, into *[]int64, op ublk.Op, donors ...uint16) {
		for range n {
			workers.Go(func() {
				data := make([]byte, testPage)
				for time.Now().Before(end) {
					time.Sleep(time.Duration(rand.Int64N(int64(2 * pause))))
					page := s.pageOf(op == ublk.OpWrite, donors...)
					fill(data, page, 1)
					begun := time.Now()
					if res := s.queue(0).do(op, page*testPage, data, testPage); res != testPage {
						s.t.Errorf("%v of page %d: %d", op, page, res)
					}
					took := int64(time.Since(begun))
					m.mu.Lock()
					*into = append(*into, took)
					m.mu.Unlock()
				}
			})
		}
	}
	work(4, &m.reads, ublk.OpRead, 1, 2)
	work(2, new([]int64), ublk.OpRead, 0)
	work(6, &m.writes, ublk.OpWrite, 0, 1, 2)
	workers.Wait()
	return m
}

// BenchmarkOneOfThreeStalls measures what the stall of a donor costs the reads of pages on the
// others, and the writes. -stall says how long a stall is. The backing file lies in TMPDIR,
// whose disk the writes are as fast as; /dev/shm leaves that out.
//
//	TMPDIR=/dev/shm go test ./swapdev -run '^$' -bench OneOfThreeStalls -benchtime 3x
func BenchmarkOneOfThreeStalls(b *testing.B) {
	before, stalled := new(measured), new(measured)
	for range b.N {
		s := newTrio(b)
		s.during(*stallTime / 5) // the donors' p99 becomes known
		before.add(s.during(*stallTime))
		s.stall(0, true)
		stalled.add(s.during(*stallTime))
		s.stall(0, false)
		if r := s.engine.report(); r.IO.Errors != 0 || r.IO.Failovers != 0 || r.Pages.Lost != 0 {
			b.Errorf("%+v %+v", r.IO, r.Pages)
		}
	}
	for _, m := range []struct {
		name            string
		before, stalled []int64
	}{{"read", before.reads, stalled.reads}, {"write", before.writes, stalled.writes}} {
		slices.Sort(m.before)
		slices.Sort(m.stalled)
		for _, q := range []struct {
			name string
			of   int // a thousand
		}{{"p50", 500}, {"p99", 990}, {"p999", 999}} {
			was, is := m.before[len(m.before)*q.of/1000], m.stalled[len(m.stalled)*q.of/1000]
			b.ReportMetric(float64(was)/1e3, m.name+"-"+q.name+"-before-us")
			b.ReportMetric(float64(is)/1e3, m.name+"-"+q.name+"-stalled-us")
			b.ReportMetric(float64(is)/float64(was), m.name+"-"+q.name+"-ratio")
		}
	}
	b.ReportMetric(float64(slices.Max(stalled.writes))/1e6, "write-max-stalled-ms")
}

func (m *measured) add(o *measured) {
	m.reads, m.writes = append(m.reads, o.reads...), append(m.writes, o.writes...)
}
