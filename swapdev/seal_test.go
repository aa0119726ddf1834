package swapdev

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/ublk"
)

// edit gives a test the memory of a slab that the lender lends, while nothing is written there.
func (l *lender) edit(slab uint32, f func(mem []byte)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, b := range l.sessions {
		if lent, ok := b.slabs[slab]; ok {
			f(lent.mem)
		}
	}
}

// pageAt is a page of a slab's memory.
func pageAt(mem []byte, page int64) []byte { return mem[page*testPage : (page+1)*testPage] }

// withChecksum makes a page match a checksum, by changes of its last four bytes: a donor knows
// what CRC32C a page has, and can make another one that has it, too.
func withChecksum(page []byte, crc uint32) {
	tail := page[len(page)-4:]
	with := func(word uint32) uint32 {
		binary.LittleEndian.PutUint32(tail, word)
		return slabmap.Checksum(page)
	}
	// The checksum is linear in each bit: rows of what each bit of the tail changes, reduced
	// so that each has a highest bit of its own.
	none, word := with(0), uint32(0)
	var change, cause [32]uint32 // by highest bit of change
	for bit := range 32 {
		c, by := with(1<<bit)^none, uint32(1)<<bit
		for high := 31; high >= 0; high-- {
			if c>>high&1 == 0 {
				continue
			}
			if change[high] == 0 {
				change[high], cause[high] = c, by
				break
			}
			c, by = c^change[high], by^cause[high]
		}
	}
	left := none ^ crc
	for high := 31; high >= 0; high-- {
		if left>>high&1 != 0 {
			left, word = left^change[high], word^cause[high]
		}
	}
	if with(word) != crc {
		panic("no tail gives the page that checksum")
	}
}

// legible counts the pages of mem in which a piece of the content of a page stands as the
// kernel wrote it.
func legible(mem []byte, page int64, version uint64) int {
	n := 0
	for at := 0; at+testPage <= len(mem); at += testPage {
		for i := 0; i < testPage; i += 512 {
			if bytes.Contains(mem[at:at+testPage], content(page, version, 1)[i:i+16]) {
				n++
				break
			}
		}
	}
	return n
}

// TestNothingReadableLeaves looks for known pages in the donor's memory and in the backing file.
// They are there if pages are not sealed.
func TestNothingReadableLeaves(t *testing.T) {
	for _, seal := range []Seal{SealOn, SealOff} {
		t.Run(string(seal), func(t *testing.T) {
			l := startLender(t, "tcp")
			r := newRig(t, rigOptions{prepare: func(c *Config) { c.Donors, c.Seal = []string{l.address()}, seal }})
			r.heat(0)
			r.write(0, 16, 5, 16)
			r.write(0, 40, 6, 1)
			if res := r.flush(); res != 0 {
				t.Fatal(res)
			}
			r.until("the pages have both copies", func() bool { return r.both(16, 16) && r.both(40, 1) })
			want := 0
			if seal == SealOff {
				want = 1
			}
			local, err := os.ReadFile(r.cfg.Backing)
			if err != nil {
				t.Fatal(err)
			}
			for page, version := range map[int64]uint64{16: 5, 31: 5, 40: 6} {
				l.edit(0, func(mem []byte) {
					if n := legible(mem, page, version); n != want {
						t.Errorf("page %d can be read in %d places at the donor, want %d", page, n, want)
					}
				})
				if n := legible(local, page, version); n != want {
					t.Errorf("page %d can be read in %d places in the backing file, want %d", page, n, want)
				}
			}
			r.read(0, 16, 5, 16)
			r.read(0, 40, 6, 1)
			if s := r.engine.report(); s.Sealed != (seal == SealOn) || s.IO.Forged != 0 || s.IO.Corrupt != 0 {
				t.Errorf("sealed %t, %+v", s.Sealed, s.IO)
			}
		})
	}
}

// TestEditedPagesAreFound has a donor whose memory somebody edits, so that each page matches its
// checksum. The device has no other copy: no edited page may be answered, and each is told as
// forged. What does not match its checksum is corrupt.
func TestEditedPagesAreFound(t *testing.T) {
	const pages = 1000
	l := startLender(t, "tcp")
	r := newRig(t, rigOptions{prepare: func(c *Config) {
		c.Donors, c.Backing, c.AcceptLoss = []string{l.address()}, NoBacking, true
		c.NoPrefetch = true // or what was fetched before the edit answers
	}})
	stored := func() (copied []byte) {
		l.edit(0, func(mem []byte) { copied = slices.Clone(mem[:pages*testPage]) })
		return copied
	}
	writeAll := func(version uint64) []byte {
		for page := int64(0); page < pages; page += 10 {
			r.write(0, page, version, 10)
		}
		return stored()
	}
	old := writeAll(1)
	now := writeAll(2)
	if bytes.Equal(pageAt(old, 3), pageAt(now, 3)) {
		t.Fatal("two writes of a page are stored alike")
	}
	again := writeAll(2) // what was true is true no more, though the content is the same
	for name, forge := range map[string]func(page int64) []byte{
		"forged": func(page int64) []byte { b := slices.Clone(pageAt(again, page)); b[page]++; return b },
		"random bits": func(page int64) []byte {
			b := slices.Clone(pageAt(again, page))
			for range 1 + rand.IntN(64) {
				b[rand.IntN(testPage-4)] ^= 1 << rand.IntN(8)
			}
			if bytes.Equal(b, pageAt(again, page)) {
				b[0]++
			}
			return b
		},
		"exchanged":            func(page int64) []byte { return slices.Clone(pageAt(again, (page+1)%pages)) },
		"replayed":             func(page int64) []byte { return slices.Clone(pageAt(old, page)) },
		"the same, but before": func(page int64) []byte { return slices.Clone(pageAt(now, page)) },
		"open":                 func(page int64) []byte { return content(page, 2, 1) },
	} {
		for _, matches := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, checksum right %t", name, matches), func(t *testing.T) {
				l.edit(0, func(mem []byte) {
					for page := range int64(pages) {
						b := forge(page)
						if matches {
							withChecksum(b, r.engine.pages.Look(page).CRC)
						}
						copy(pageAt(mem, page), b)
					}
				})
				before := r.engine.report().IO
				buf := make([]byte, testPage)
				for page := range int64(pages) {
					if res := r.queue(0).do(ublk.OpRead, page*testPage, buf, testPage); res != -5 {
						t.Fatalf("page %d was answered with %d", page, res)
					}
				}
				after := r.engine.report().IO
				found, other := after.Forged-before.Forged, after.Corrupt-before.Corrupt
				if !matches {
					found, other = other, found
				}
				if found < pages || other != 0 {
					t.Errorf("%d were found to be what they are, and %d something else", found, other)
				}
				l.edit(0, func(mem []byte) { copy(mem, again) })
				for page := int64(0); page < pages; page += 10 {
					r.read(0, page, 2, 10)
				}
			})
		}
	}
}

// TestForgedPagesFetchedAhead: a forged page does not reach who reads in order.
func TestForgedPagesFetchedAhead(t *testing.T) {
	const pages, first, end = 512, 300, 310
	l := startLender(t, "tcp")
	r := newRig(t, rigOptions{prepare: func(c *Config) {
		c.Donors, c.Backing, c.AcceptLoss = []string{l.address()}, NoBacking, true
	}})
	for page := int64(0); page < pages; page += 16 {
		r.write(0, page, 1, 16)
	}
	l.edit(0, func(mem []byte) {
		for page := int64(first); page < end; page++ {
			forged := content(page, 1, 1)
			withChecksum(forged, r.engine.pages.Look(page).CRC)
			copy(pageAt(mem, page), forged)
		}
	})
	buf := make([]byte, testPage)
	for page := range int64(pages) {
		if page < first || page >= end {
			r.read(0, page, 1, 1)
		} else if res := r.queue(0).do(ublk.OpRead, page*testPage, buf, testPage); res != -5 {
			t.Errorf("page %d was answered with %d", page, res)
		}
	}
	// Each is found in what was fetched ahead, and twice where it came from.
	if io := r.engine.report().IO; io.PrefetchHits < pages/2 || io.Forged <= 2*(end-first) || io.Corrupt != 0 {
		t.Errorf("%+v", io)
	}
}

// TestForgedBackingFile: who edits the backing file is found, too.
func TestForgedBackingFile(t *testing.T) {
	r := newRig(t, rigOptions{donors: 1, prepare: func(c *Config) { c.HotThreshold = 1e9 }})
	r.write(0, 4, 1, 2)
	f, err := os.OpenFile(r.cfg.Backing, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	forged := content(4, 1, 1)
	withChecksum(forged, r.engine.pages.Look(4).CRC)
	if _, err := f.WriteAt(forged, 4*testPage); err != nil {
		t.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, testPage)
	if res := r.queue(0).do(ublk.OpRead, 4*testPage, buf, testPage); res != -5 {
		t.Errorf("a forged page was answered with %d", res)
	}
	r.read(0, 5, 1, 1)
	r.until("it is told", func() bool { return r.told(status.EventForged) > 0 })
	if s := r.engine.report(); s.IO.Forged == 0 || s.IO.Corrupt != 0 {
		t.Errorf("%+v", s.IO)
	}
}

// told counts the events of a kind.
func (r *rig) told(kind string) int {
	n := 0
	for _, e := range r.engine.journal.Last() {
		if e.Kind == kind {
			n++
		}
	}
	return n
}

// TestDonorThatForgesIsLeft: the page is read from the backing file, nothing else of the donor
// counts any more, and its slabs go to another one without being copied from it.
func TestDonorThatForgesIsLeft(t *testing.T) {
	bad, good := startLender(t, "tcp"), startLender(t, "tcp")
	bad.name, good.name = "bad", "good"
	good.full.Store(true)
	r := newRig(t, rigOptions{prepare: func(c *Config) {
		c.Donors = []string{bad.address(), good.address()}
		c.NoPrefetch = true // the test says what is read from where
	}})
	r.heat(0, 1)
	r.write(0, 0, 5, 16)
	if res := r.flush(); res != 0 {
		t.Fatal(res)
	}
	r.until("the pages have both copies", func() bool { return r.both(0, 16) })
	good.full.Store(false)
	bad.edit(0, func(mem []byte) {
		for _, page := range []int64{3, 4} {
			forged := content(page, 5, 1)
			withChecksum(forged, r.engine.pages.Look(page).CRC)
			copy(pageAt(mem, page), forged)
		}
	})
	r.read(0, 3, 5, 1)
	r.until("its slabs have left the donor", func() bool { return bad.holds() == 0 })
	r.until("they are at the other donor", func() bool {
		r.heat(0, 1)
		return good.holds() == 2
	})
	r.read(0, 1, 5, 15)
	s := r.engine.report()
	if s.IO.Forged != 1 || s.IO.Errors != 0 || s.Moves.Pages != 0 || s.Moves.Dropped < 2 {
		t.Errorf("%+v %+v", s.IO, s.Moves)
	}
	if told := r.told(status.EventForged); told != 1 {
		t.Errorf("told %d times", told)
	}
	i := slices.IndexFunc(s.Events, func(e status.Event) bool { return e.Kind == status.EventForged })
	if i < 0 || s.Events[i].Donor != "bad" || s.Events[i].Slab != 0 {
		t.Errorf("told of the wrong donor: %+v", s.Events)
	}
	asked := bad.asked.Load()
	r.heat(2, 3, 4)
	if bad.asked.Load() != asked {
		t.Error("a donor on probation was asked for a slab")
	}
}

// TestPageIsWrittenOut: a counter at its end refuses the write, is told, and holds nobody else up.
func TestPageIsWrittenOut(t *testing.T) {
	r := newRig(t, rigOptions{donors: 1})
	pages := r.engine.pages
	r.until("the page is free", func() bool { return pages.BeginWrite(7) })
	pages.EndWrite(7, slabmap.Written{Backing: true, Seal: slabmap.NewSeal(slabmap.MaxCounter, [slabmap.SealTagSize]byte{})})
	if res := r.queue(0).do(ublk.OpWrite, 4*testPage, content(4, 1, 8), 8*testPage); res != -5 {
		t.Errorf("a write beyond the last counter: %d, want -EIO", res)
	}
	r.until("it is told", func() bool { return r.told(status.EventWrittenOut) > 0 })
	for page := int64(4); page < 12; page++ {
		if pages.Look(page).Writing {
			t.Errorf("page %d is claimed for ever", page)
		}
	}
	r.write(0, 4, 2, 3)
	r.write(0, 8, 2, 4)
	r.read(0, 4, 2, 3)
	r.read(0, 8, 2, 4)
}

// TestSealValidates: what is neither on nor off is refused, and nothing given is on.
func TestSealValidates(t *testing.T) {
	r := newRig(t, rigOptions{donors: 1})
	if r.cfg.Seal != SealOn {
		t.Errorf("pages are sealed %q unless it is said", r.cfg.Seal)
	}
	c := r.cfg
	if c.Seal = "maybe"; c.Validate() == nil {
		t.Error("accepted")
	}
	if c.Seal = SealOff; c.Validate() != nil {
		t.Error("refused")
	}
}
