package swapdev

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/farswap/farswap/internal/allocs"
	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/swapdev/readahead"
	"github.com/farswap/farswap/ublk"
	"github.com/farswap/farswap/verbs/faulty"
)

// scan reads pages [from, to) in order, n at a time, and checks what comes; page p is
// version p+1, or as versions says.
func (r *rig) scan(q testQueue, from, to, n int64, versions map[int64]uint64) {
	r.t.Helper()
	got := make([]byte, n*testPage)
	for page := from; page < to; page += n {
		if res := q.do(ublk.OpRead, page*testPage, got, len(got)); int(res) != len(got) {
			r.t.Fatalf("read of page %d: %d", page, res)
		}
		for i := range n {
			version := uint64(page + i + 1)
			if v, ok := versions[page+i]; ok {
				version = v
			}
			if !bytes.Equal(got[i*testPage:(i+1)*testPage], content(page+i, version, 1)) {
				r.t.Fatalf("page %d is not version %d", page+i, version)
			}
		}
	}
}

// fillOrdered writes version p+1 to each page p of the first slab, until a donor has all.
func (r *rig) fillOrdered(pages int64) {
	r.t.Helper()
	r.until("the first slab is at a donor", func() bool {
		for page := range pages {
			if res := r.queue(0).do(ublk.OpWrite, page*testPage, content(page, uint64(page+1), 1), testPage); res != testPage {
				r.t.Fatalf("write of page %d: %d", page, res)
			}
		}
		c := r.engine.pages.CountSlab(0)
		return c.Both+c.Remote >= pages
	})
}

func TestPrefetchServesWhoReadsInOrder(t *testing.T) {
	const pages = 512
	for _, n := range []int64{1, 2, 8} {
		r := newRig(t, rigOptions{donors: 1})
		r.fillOrdered(pages)
		before := r.engine.report().IO
		r.scan(r.queue(0), 0, pages, n, nil)
		after := r.engine.report().IO
		hits, fetched := after.PrefetchHits-before.PrefetchHits, after.Prefetched-before.Prefetched
		if hits < pages/2 || hits > fetched || fetched > pages+2*16 {
			t.Errorf("%d pages a request: %d fetched ahead and %d of them used, of %d", n, fetched, hits, pages)
		}
		if got := after.RemoteReads - before.RemoteReads; got != pages {
			t.Errorf("%d pages a request: %d from donors, want %d", n, got, pages)
		}
	}
}

func TestPrefetchSeesEveryWrite(t *testing.T) {
	const pages = 256
	r := newRig(t, rigOptions{donors: 1, queues: 2})
	r.fillOrdered(pages)
	versions := map[int64]uint64{}
	// Pages that lie ahead are written, by this queue and by another, after they were
	// fetched.
	for page := int64(0); page+8 < pages; page += 8 {
		r.scan(r.queue(0), page, page+8, 1, versions)
		for _, ahead := range []int64{1, 4, 9} {
			if p := page + 8 + ahead; p < pages {
				versions[p] = uint64(1_000_000 + p*pages + page)
				q := r.queue(int(ahead) % 2)
				if res := q.do(ublk.OpWrite, p*testPage, content(p, versions[p], 1), testPage); res != testPage {
					t.Fatalf("write of page %d: %d", p, res)
				}
			}
		}
	}
	if c := r.engine.report().IO; c.PrefetchHits == 0 {
		t.Errorf("nothing was used that was fetched ahead: %+v, %s", c, r.describe())
	}
}

// TestPrefetchSeesStreams has readers of every kind, alone and by turns.
func TestPrefetchSeesStreams(t *testing.T) {
	const pages, reads = 512, 100
	type reader struct{ from, step int64 }
	for name, readers := range map[string][]reader{
		"backwards":             {{511, -1}},
		"stride 3":              {{5, 3}},
		"stride -5":             {{505, -5}},
		"two scans":             {{0, 1}, {200, 1}},
		"towards each other":    {{0, 1}, {511, -1}},
		"a scan and two others": {{0, 1}, {300, 2}, {299, -2}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, rigOptions{donors: 1})
			r.fillOrdered(pages)
			before := r.engine.report().IO
			for i := range int64(reads) {
				for _, reader := range readers {
					page := reader.from + i*reader.step
					r.scan(r.queue(0), page, page+1, 1, nil)
				}
			}
			after := r.engine.report().IO
			hits, fetched := after.PrefetchHits-before.PrefetchHits, after.Prefetched-before.Prefetched
			all := uint64(reads * len(readers))
			if hits < all*8/10 || fetched > all+uint64(len(readers)*2*16) {
				t.Errorf("%d fetched ahead and %d of them used, of %d", fetched, hits, all)
			}
		})
	}
}

func TestPrefetchLeavesRandomReadsAlone(t *testing.T) {
	const pages, reads = 512, 2000
	r := newRig(t, rigOptions{donors: 1})
	r.fillOrdered(pages)
	random, got := rand.New(rand.NewPCG(1, 1)), make([]byte, testPage)
	for range reads {
		page := random.Int64N(pages)
		if res := r.queue(0).do(ublk.OpRead, page*testPage, got, testPage); res != testPage {
			t.Fatalf("read of page %d: %d", page, res)
		}
	}
	// Of so few pages many steps are equal by chance.
	c := r.engine.report().IO
	if most := readahead.FirstCredit + reads/readahead.ProbeReads + readahead.Worth*c.PrefetchHits; c.Prefetched > most || c.Prefetched > reads/5 {
		t.Errorf("%d pages were fetched ahead and %d of them used", c.Prefetched, c.PrefetchHits)
	}
}

func TestPrefetchOff(t *testing.T) {
	r := newRig(t, rigOptions{donors: 1, prepare: func(c *Config) { c.NoPrefetch = true }})
	r.fillOrdered(256)
	r.scan(r.queue(0), 0, 256, 1, nil)
	if c := r.engine.report().IO; c.Prefetched > 0 {
		t.Errorf("%d pages were fetched ahead", c.Prefetched)
	}
}

// TestPrefetchWithoutBuffers has one spare buffer, which writes and runs want at once.
func TestPrefetchWithoutBuffers(t *testing.T) {
	r := newRig(t, rigOptions{donors: 1, spare: 1})
	r.fillOrdered(256)
	r.scan(r.queue(0), 0, 128, 1, nil)
	versions := map[int64]uint64{}
	for page := int64(128); page < 256; page++ {
		versions[200] = uint64(page)
		if res := r.queue(0).do(ublk.OpWrite, 200*testPage, content(200, versions[200], 1), testPage); res != testPage {
			t.Fatalf("write: %d", res)
		}
		r.scan(r.queue(0), page, page+1, 1, versions)
	}
}

// TestPrefetchOutlivesItsDonor kills the donor while pages of it are fetched ahead.
func TestPrefetchOutlivesItsDonor(t *testing.T) {
	r := newRig(t, rigOptions{donors: 2})
	r.fillOrdered(512)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 20 {
			r.scan(r.queue(0), 0, 512, 1, nil)
		}
	}()
	for _, d := range r.donors {
		d.kill()
	}
	<-done
}

// TestSlowDonorIsBlamedForWhatItFetches has a donor that answers late while pages of it are
// fetched ahead.
func TestSlowDonorIsBlamedForWhatItFetches(t *testing.T) {
	r, device := newFaultyRig(t, rigOptions{donors: 1})
	r.fillOrdered(256)
	r.scan(r.queue(0), 0, 8, 1, nil)
	device.SetPlan(faulty.Plan{Delay: 1, DelayMax: 100 * time.Millisecond})
	before := r.engine.report().IO
	r.scan(r.queue(0), 8, 128, 1, nil)
	s := r.engine.report()
	// All but the first come from runs; who waits for one is parked, and has no part.
	if misses := s.IO.RemoteReads - before.RemoteReads - (s.IO.PrefetchHits - before.PrefetchHits); misses > 2 {
		t.Errorf("%d pages were not fetched ahead", misses)
	}
	slow := 0
	for _, p := range s.Slowest {
		if p.Op == status.SourceRead && p.Total > int64(10*time.Millisecond) {
			slow++
			if p.Blame != status.BlameDonor || p.Donor != r.donors[0].cfg.Name {
				t.Errorf("%+v", p)
			}
		}
	}
	if slow < 2 {
		t.Errorf("%d slow reads", slow)
	}
}

// TestCorruptRunIsCounted has a bit altered in whatever a donor answers.
func TestCorruptRunIsCounted(t *testing.T) {
	r, device := newFaultyRig(t, rigOptions{donors: 1})
	r.fillOrdered(256)
	r.scan(r.queue(0), 0, 8, 1, nil)
	device.SetPlan(faulty.Plan{Corrupt: 1})
	before := r.engine.report().IO
	r.scan(r.queue(0), 8, 128, 1, nil)
	after := r.engine.report().IO
	plain := after.RemoteReads - before.RemoteReads - (after.PrefetchHits - before.PrefetchHits)
	if corrupt := after.Corrupt - before.Corrupt; corrupt <= plain || after.Errors != before.Errors {
		t.Errorf("%d counted as corrupt, %d of them not fetched ahead: %+v", corrupt, plain, after)
	}
}

func TestPrefetchAllocatesNothing(t *testing.T) {
	r := newInline(t, rigOptions{})
	r.warm()
	page := int64(0)
	n := allocs.PerRun(2000, func() {
		r.batch(ublk.OpRead, page, 1)
		page = (page + 1) % 512
	})
	if n != 0 {
		t.Errorf("%v allocations per request", n)
	}
	if c := r.engine.queues[0].Counts(); c.PrefetchHits == 0 {
		t.Errorf("nothing was used that was fetched ahead: %+v, %s", c, r.describe())
	}
}

// BenchmarkScan reads pages one request at a time, in orders that the device sees.
func BenchmarkScan(b *testing.B) {
	for _, order := range []struct {
		name string
		page func(i int64) int64
	}{
		{"forwards", func(i int64) int64 { return i % 512 }},
		{"backwards", func(i int64) int64 { return 511 - i%512 }},
		{"stride4", func(i int64) int64 { return i % 128 * 4 }},
		{"two", func(i int64) int64 { return i/2%256 + i%2*256 }},
		{"opposite", func(i int64) int64 { return (i%2)*511 + (1-i%2*2)*(i/2%256) }},
	} {
		for _, off := range []bool{false, true} {
			name := order.name + "/prefetch"
			if off {
				name = order.name + "/plain"
			}
			b.Run(name, func(b *testing.B) {
				r := newInline(b, rigOptions{prepare: func(c *Config) { c.NoPrefetch = off }})
				r.warm()
				b.ReportAllocs()
				b.SetBytes(testPage)
				i := int64(0)
				for b.Loop() {
					r.batch(ublk.OpRead, order.page(i), 1)
					i++
				}
			})
		}
	}
}
