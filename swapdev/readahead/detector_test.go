package readahead

import (
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// testDevice is a number of pages.
const testDevice = 1 << 16

func newDetector() *Detector {
	var d Detector
	d.Init(testDevice, bufferPages, 8)
	return &d
}

// readAll tells of a read, and fetches all that the detector asks for.
func (d *Detector) readAll(t interface{ Fatalf(string, ...any) }, first int64, pages int) (fetched []int64) {
	s := d.Read(first, pages)
	for spans := 0; s != None; spans++ {
		span, ok := d.Ahead(s)
		if !ok {
			break
		}
		if spans > 0 {
			t.Fatalf("read of %d: a second span after the whole first one: %+v", first, span)
		}
		for i := range int64(span.Pages) {
			fetched = append(fetched, span.Page+i*span.Step)
		}
		d.Fetched(span.Pages)
		d.Took(s, span.Pages)
	}
	return fetched
}

// TestStreams gives each kind of stream to a detector: what it fetches is what is read later,
// and nearly all of that is fetched.
func TestStreams(t *testing.T) {
	for _, tt := range []struct {
		name        string
		from, step  int64
		pages, most int // of a read; reads that are not fetched
	}{
		{"forwards", 0, 1, 1, 4},
		{"backwards", 9999, -1, 1, 4},
		{"forwards, 8 pages at a time", 0, 8, 8, 4},
		{"backwards, 8 pages at a time", 9999, -8, 8, 4},
		{"stride 2", 0, 2, 1, 5},
		{"stride 7", 3, 7, 1, 5},
		{"stride -4", 9999, -4, 1, 5},
		{"largest stride", 0, MaxStride, 1, 5},
	} {
		t.Run(tt.name, func(t *testing.T) {
			const reads = 300
			d, fetched := newDetector(), map[int64]bool{}
			missed, used := 0, 0
			for i := range int64(reads) {
				first := tt.from + i*tt.step
				for page := first; page < first+int64(tt.pages); page++ {
					if fetched[page] {
						delete(fetched, page)
						d.Used(1)
						used++
					} else {
						missed++
					}
				}
				for _, page := range d.readAll(t, first, tt.pages) {
					fetched[page] = true
				}
			}
			if missed > tt.most*tt.pages || len(fetched) > 2*bufferPages {
				t.Errorf("%d pages used, %d missed, %d left over", used, missed, len(fetched))
			}
		})
	}
}

// TestTooFarIsNoStream has a reader whose step is beyond MaxStride.
func TestTooFarIsNoStream(t *testing.T) {
	d := newDetector()
	for i := range int64(100) {
		if got := d.readAll(t, i*(MaxStride+1), 1); got != nil {
			t.Fatalf("read %d: fetched %v", i, got)
		}
	}
}

// TestGap: pages that are skipped, because they are still in memory, end no stream.
func TestGap(t *testing.T) {
	for _, step := range []int64{1, -1, 5} {
		d, page := newDetector(), int64(30_000)
		for range 40 {
			d.readAll(t, page, 1)
			page += step
		}
		page += step
		if d.Read(page, 1) == None {
			t.Errorf("step %d: a gap of one page has ended the stream", step)
		}
	}
}

// TestGapAfterGap: who skips every other page goes at another step.
func TestGapAfterGap(t *testing.T) {
	d := newDetector()
	d.readAll(t, 300, 1)
	d.readAll(t, 299, 1) // taken for a reader backwards
	for page := int64(297); page > 200; page -= 2 {
		for _, got := range d.readAll(t, page, 1) {
			if page < 290 && got%2 == 0 {
				t.Fatalf("page %d was fetched when %d was read", got, page)
			}
			d.Used(1)
		}
	}
}

// TestWindow is how the window grows while pages are used, and shrinks when some are skipped.
func TestWindow(t *testing.T) {
	d := newDetector()
	page, sizes := int64(0), []int(nil)
	for ; page < 300; page++ {
		got := d.readAll(t, page, 1)
		if page > firstLength && len(got) > 0 { // up to there the window is cut off
			sizes = append(sizes, len(got))
		}
		d.Used(1)
	}
	if !slices.IsSorted(sizes) || slices.Max(sizes) != bufferPages {
		t.Errorf("windows %v", sizes)
	}
	s := d.Read(page, 1)
	if s == None {
		t.Fatal("the stream is forgotten")
	}
	wide := d.streams[s].window
	d.Read(page+2, 1)
	if got := d.streams[s].window; got != wide/2 {
		t.Errorf("a window of %d after one of %d and a gap", got, wide)
	}
}

// TestUsualLength: where streams are short, nothing is fetched beyond their usual end.
func TestUsualLength(t *testing.T) {
	const length = 8
	d, r := newDetector(), rand.New(rand.NewPCG(3, 4))
	for run := range 200 {
		first := r.Int64N(testDevice - length)
		for i := range int64(length) {
			for _, page := range d.readAll(t, first+i, 1) {
				if run > 100 && page >= first+length {
					t.Fatalf("run %d from %d: page %d was fetched", run, first, page)
				}
				d.Used(1) // of no matter here
			}
		}
	}
}

// TestInterleaved has 8 readers, of all kinds, that take turns at random with as many other
// reads.
func TestInterleaved(t *testing.T) {
	steps := []int64{1, -1, 2, -3, 1, 7, -1, 1}
	d, r := newDetector(), rand.New(rand.NewPCG(5, 6))
	fetched, missed, reads := map[int64]bool{}, 0, 0
	at := make([]int64, len(steps))
	for i := range at {
		at[i] = int64(4000 + 7000*i)
	}
	for range 4000 {
		i := r.IntN(2 * len(steps))
		if i >= len(steps) {
			d.readAll(t, r.Int64N(testDevice), 1)
			continue
		}
		reads++
		if fetched[at[i]] {
			d.Used(1)
		} else {
			missed++
		}
		for _, page := range d.readAll(t, at[i], 1) {
			fetched[page] = true
		}
		at[i] += steps[i]
	}
	if missed > reads/10 {
		t.Errorf("%d of %d reads were not fetched", missed, reads)
	}
}

// TestOldStreamsMakeRoom: readers that have ended do not keep new ones out.
func TestOldStreamsMakeRoom(t *testing.T) {
	d := newDetector()
	for generation := range int64(10) {
		for reader := range int64(Streams) {
			first := generation*5000 + reader*300
			seen := false
			for i := range int64(30) {
				seen = len(d.readAll(t, first+i, 1)) > 0 || seen
				d.Used(1)
			}
			if !seen {
				t.Fatalf("generation %d, reader %d: nothing was fetched", generation, reader)
			}
		}
	}
}

// TestHitsComeBack: while nothing that was fetched is used, fetching stops but for the probes.
// By these the detector notices that hits are frequent again.
func TestHitsComeBack(t *testing.T) {
	const reads = 10_000
	d, fetched := newDetector(), 0
	for page := range int64(reads) {
		fetched += len(d.readAll(t, page, 1))
	}
	if fetched < FirstCredit || fetched > FirstCredit+reads/ProbeReads {
		t.Errorf("%d pages were fetched for no use", fetched)
	}
	kept, missed := map[int64]bool{}, 0
	for page := int64(20_000); page < 20_000+reads; page++ {
		if kept[page] {
			d.Used(1)
		} else {
			missed++
		}
		for _, ahead := range d.readAll(t, page, 1) {
			kept[ahead] = true
		}
	}
	if missed > reads/20 {
		t.Errorf("%d of %d reads were not fetched", missed, reads)
	}
}

// reads draws series of reads of several kinds.
func reads(t *rapid.T, use func(first int64, pages int)) {
	type reader struct{ at, step, pages int64 }
	readers := make([]reader, rapid.IntRange(0, Streams+4).Draw(t, "readers"))
	jump := func(r *reader) {
		r.at = rapid.Int64Range(0, testDevice-1).Draw(t, "at")
		r.pages = rapid.Int64Range(1, 40).Draw(t, "pages")
		r.step = rapid.SampledFrom([]int64{1, -1, 2, -7, 0, MaxStride, MaxStride + 1, r.pages, -r.pages}).Draw(t, "step")
	}
	for i := range readers {
		jump(&readers[i])
	}
	for range rapid.IntRange(0, 400).Draw(t, "reads") {
		i := rapid.IntRange(0, len(readers)).Draw(t, "reader")
		if i == len(readers) {
			use(rapid.Int64Range(0, testDevice-1).Draw(t, "random"), 1)
			continue
		}
		r := &readers[i]
		if r.at < 0 || r.at >= testDevice {
			jump(r)
		}
		use(r.at, int(min(r.pages, testDevice-r.at)))
		r.at += r.step
	}
}

// TestPromises: whatever is read, a span lies on the device, is no longer than a buffer, and
// is the only one of its read; and what is fetched in vain is bounded.
func TestPromises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var d Detector
		most := rapid.IntRange(1, 64).Draw(t, "most")
		d.Init(testDevice, most, rapid.IntRange(1, 16).Draw(t, "buffers"))
		kept := map[int64]bool{}
		number, fetched, used := 0, 0, 0
		reads(t, func(first int64, pages int) {
			number++
			for page := first; page < first+int64(pages); page++ {
				if kept[page] {
					delete(kept, page)
					used++
					d.Used(1)
				}
			}
			got := d.readAll(t, first, pages)
			if len(got) > most {
				t.Fatalf("%d pages at once, of %d", len(got), most)
			}
			for _, page := range got {
				if page < 0 || page >= testDevice {
					t.Fatalf("page %d is beyond the device", page)
				}
				kept[page] = true
			}
			fetched += len(got)
			if most := FirstCredit + Worth*used + number/ProbeReads; fetched > most {
				t.Fatalf("%d pages fetched in %d reads and %d used: at most %d", fetched, number, used, most)
			}
		})
	})
}

// TestRandomReads: hardly anything is fetched for reads without an order, also where they lie
// so close together that steps repeat by chance.
func TestRandomReads(t *testing.T) {
	for _, within := range []int64{300, 5000, testDevice} {
		d, r := newDetector(), rand.New(rand.NewPCG(7, uint64(within)))
		const number = 100_000
		kept, fetched, used := map[int64]bool{}, 0, 0
		for range number {
			page := r.Int64N(within)
			if kept[page] {
				delete(kept, page)
				used++
				d.Used(1)
			}
			for _, p := range d.readAll(t, page, 1) {
				kept[p] = true
				fetched++
			}
		}
		if fetched > number/10 {
			t.Errorf("random reads of %d pages: %d fetched, %d of them used", within, fetched, used)
		}
	}
}

func TestAllocatesNothing(t *testing.T) {
	d, page := newDetector(), int64(0)
	if n := testing.AllocsPerRun(2000, func() {
		page = (page*5 + 1) % testDevice
		d.Read(page, 1)
		if s := d.Read(page/2, 1); s != None {
			d.Ahead(s)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkRead is what the detector adds to a read.
func BenchmarkRead(b *testing.B) {
	for name, next := range map[string]func(page int64) int64{
		"random":   func(page int64) int64 { return (page*1103515245 + 12345) & (1<<30 - 1) },
		"in order": func(page int64) int64 { return page + 1 },
		"stride 7": func(page int64) int64 { return page + 7 },
	} {
		b.Run(name, func(b *testing.B) {
			var d Detector
			d.Init(1<<40, bufferPages, 16)
			b.ReportAllocs()
			page := int64(1)
			for b.Loop() {
				if s := d.Read(page, 1); s != None {
					if span, ok := d.Ahead(s); ok {
						d.Took(s, span.Pages)
					}
				}
				page = next(page)
			}
		})
	}
}
