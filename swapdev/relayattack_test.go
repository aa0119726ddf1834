package swapdev

import (
	"bytes"
	"flag"
	"math/rand/v2"
	"os"
	"sync"
	"testing"

	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/ublk"
	"github.com/farswap/farswap/verbs"
)

// relayPages is how many pages each trick is played with. There are at least two tricks of each kind: 500 make 1,000
// of a kind, which take a minute.
var relayPages = flag.Int("relayed", 40, "pages that each trick of a relay is played with, at most 2000")

// besieged is a device with two donors and a relay before each. Half of the attacked pages are at one donor, half at
// the other.
type besieged struct {
	*rig
	*relayed
	before  [2]*relay // by slab
	pages   []int64   // that tricks are played with
	version uint64    // of all pages

	// By page, of the trick that is being played.
	written  map[int64][]byte // what went to the donor before the last write
	answered map[int64][]byte // what came from it

	mu     sync.Mutex       // guards forged, which relays set, too
	forged map[int64][]byte // what is passed off
}

func besiege(t *testing.T, n int, o rigOptions) *besieged {
	t.Helper()
	b := &besieged{
		relayed: relays(t), written: make(map[int64][]byte), answered: make(map[int64][]byte), forged: make(map[int64][]byte),
	}
	o.donors, o.memory, o.wrap = 2, testSlab, b.over // one slab each
	b.rig = newRig(t, o)
	b.heat(0, 1)
	for slab := range 2 {
		b.before[slab] = b.at(b.data(b.engine.pages.Slab(slab).Donor))
		first, _ := b.engine.pages.Geometry().PageRange(slab)
		b.write(0, first, 1, 1) // another page, which the relay then knows
		for i := range int64(n+1) / 2 {
			b.pages = append(b.pages, first+1+i)
		}
	}
	if b.before[0] == b.before[1] {
		t.Fatal("one donor has both slabs")
	}
	return b
}

// where is the relay before a page's donor, and where the page lies there.
func (b *besieged) where(page int64) (r *relay, offset uint64) {
	slab := b.engine.pages.SlabOf(page)
	first, _ := b.engine.pages.Geometry().PageRange(slab)
	return b.before[slab], uint64(page-first) * testPage
}

// next writes all pages anew, and waits until every copy is there.
func (b *besieged) next() {
	b.t.Helper()
	b.version++
	const most = 16
	for i := 0; i < len(b.pages); {
		first, data := b.pages[i], []byte(nil)
		for ; i < len(b.pages) && len(data) < most*testPage && b.pages[i] == first+int64(len(data)/testPage); i++ {
			data = append(data, knownPage(b.pages[i], b.version)...)
		}
		if res := b.queue(0).do(ublk.OpWrite, first*testPage, data, len(data)); res != int32(len(data)) {
			b.t.Fatalf("write of page %d: %d", first, res)
		}
	}
	want := slabmap.Remote
	if b.cfg.Backing != NoBacking {
		want |= slabmap.Backing
	}
	b.until("all copies are there", func() bool {
		for _, page := range b.pages {
			if v := b.engine.pages.Look(page); v.Place != want || v.Pending {
				return false
			}
		}
		return true
	})
}

// fetch reads a page, and returns what the kernel gets.
func (b *besieged) fetch(page int64) (data []byte, res int32) {
	data = make([]byte, testPage)
	return data, b.queue(0).do(ublk.OpRead, page*testPage, data, testPage)
}

// mustBeTrue reads a page that nobody has tampered with.
func (b *besieged) mustBeTrue(page int64) {
	b.t.Helper()
	if data, res := b.fetch(page); res != testPage || !bytes.Equal(data, knownPage(page, b.version)) {
		b.t.Fatalf("page %d, with which nobody has tampered: %d, right %t", page, res, bytes.Equal(data, knownPage(page, b.version)))
	}
}

// trick is one way to pass something off as a page.
type trick struct {
	kind, name string
	way        means
	content    func(b *besieged, page int64, now []byte) []byte
}

// means is how a trick brings it to the device.
type means int

const (
	changesWrites  means = iota // on their way to the donor
	writes                      // to the donor's memory, with a key that was read
	changesAnswers              // on their way to the device
)

// tricks are all kinds but that of reading. now is what is at the donor, sealed as of the last write.
var tricks = []trick{
	{"write", "other bytes for a WRITE", changesWrites, otherBytes},
	{"write", "other bits in a WRITE", changesWrites, otherBits},
	{"write", "own WRITE", writes, otherBytes},
	{"write", "other bits in an answer", changesAnswers, otherBits},
	{"replay", "old WRITE", writes, oldWrite},
	{"replay", "old answer", changesAnswers, func(b *besieged, page int64, _ []byte) []byte { return bytes.Clone(b.answered[page]) }},
	{"exchange", "answer of another page", changesAnswers, anotherPage},
	{"exchange", "WRITE of another page", writes, anotherPage},
	{"exchange", "answer of another donor", changesAnswers, func(b *besieged, page int64, _ []byte) []byte {
		_, offset := b.where(page)
		return b.before[1-b.engine.pages.SlabOf(page)].written(offset)
	}},
	{"exchange", "answer of an older generation", changesAnswers, oldWrite},
}

func oldWrite(b *besieged, page int64, _ []byte) []byte { return bytes.Clone(b.written[page]) }

func otherBytes(*besieged, int64, []byte) []byte {
	page := make([]byte, testPage)
	for i := range page {
		page[i] = byte(rand.Uint32())
	}
	return page
}

func otherBits(_ *besieged, _ int64, now []byte) []byte {
	page := bytes.Clone(now)
	for range 1 + rand.IntN(8) {
		page[rand.IntN(testPage-4)] ^= 1 << rand.IntN(8) // the last four bytes may become the checksum's
	}
	return page
}

func anotherPage(b *besieged, page int64, _ []byte) []byte {
	r, offset := b.where(page)
	return r.written(offset - testPage)
}

// mostRounds is far above how often a trick is played until the device itself has met all of its pages.
const mostRounds = 50

// play plays a trick with all pages. matches says which pages get the checksum that the device expects. The device is
// to find each, unless open: then its pages are not sealed, and the trick is to succeed. The scrubber may find some
// before they are read, while it still mends those of the trick before. With these the trick is played again.
func (b *besieged) play(k *trick, matches func(page int64) bool, open bool) {
	b.t.Helper()
	for round, left := 0, b.pages; len(left) > 0 && !b.t.Failed(); round++ {
		if round == mostRounds {
			b.t.Fatalf("%s: pages %v are right again each time before they are read", k.name, left)
		}
		left = b.playOnce(k, left, matches, open)
	}
}

// playOnce plays a trick with some pages. It returns those that were right again before they were read.
func (b *besieged) playOnce(k *trick, pages []int64, matches func(page int64) bool, open bool) (mended []int64) {
	b.t.Helper()
	b.next()
	for _, page := range b.pages {
		b.mustBeTrue(page)
		r, offset := b.where(page)
		b.written[page], b.answered[page] = r.written(offset), r.answered(offset)
	}
	forge := func(page int64, now []byte) []byte {
		f := k.content(b, page, now)
		if bytes.Equal(f, now) {
			b.t.Errorf("%s: page %d is passed off as itself", k.name, page)
		}
		if matches(page) {
			withChecksum(f, slabmap.Checksum(now))
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		b.forged[page] = f
		return f
	}
	if k.way == changesWrites {
		for _, page := range pages {
			r, offset := b.where(page)
			r.change(verbs.OpWrite, offset, func(data []byte) { copy(data, forge(page, bytes.Clone(data))) })
		}
	}
	b.next()
	for _, page := range pages {
		r, offset := b.where(page)
		now := r.written(offset)
		switch k.way {
		case changesWrites:
			r.change(verbs.OpWrite, offset, nil)
		case writes:
			r.do(b.t, verbs.OpWrite, offset, forge(page, now))
		case changesAnswers:
			f := forge(page, now)
			r.change(verbs.OpRead, offset, func(data []byte) { copy(data, f) })
		}
		if !b.judge(k, page, matches(page), open) {
			mended = append(mended, page)
		}
		r.change(verbs.OpRead, offset, nil)
		if b.t.Failed() {
			break
		}
	}
	return mended
}

// judge reads a page with which a trick was played. It is false if the page was found before.
func (b *besieged) judge(k *trick, page int64, matches, open bool) bool {
	b.t.Helper()
	before := b.engine.report().IO
	data, res := b.fetch(page)
	after := b.engine.report().IO
	b.mu.Lock()
	passedOff := bytes.Equal(data, b.forged[page])
	b.mu.Unlock()
	forged, corrupt := after.Forged-before.Forged, after.Corrupt-before.Corrupt
	right := res == testPage && bytes.Equal(data, knownPage(page, b.version))
	if b.cfg.Backing == NoBacking {
		right = res == -5 // no other copy
	}
	switch {
	case open && (res != testPage || !passedOff || forged+corrupt > 0):
		b.t.Errorf("%s: the forged page %d does not reach the reader of a device that does not seal: %d", k.name, page, res)
	case open:
	case !right:
		b.t.Errorf("%s: a read of the forged page %d is answered with %d, forged content %t", k.name, page, res, passedOff)
	case forged+corrupt == 0 && b.cfg.Backing != NoBacking:
		return false
	case matches && (forged == 0 || corrupt > 0), !matches && (corrupt == 0 || forged > 0):
		b.t.Errorf("%s: page %d, checksum right %t: found %d times forged, %d times corrupt", k.name, page, matches, forged, corrupt)
	}
	return true
}

// readAll reads all pages from the donors with the keys that the relays have read off the wire, and counts pieces of
// known pages there, in the backing file, and in all that has gone over the wire.
func (b *besieged) readAll() (atDonors, local, onWire int) {
	b.t.Helper()
	for _, page := range b.pages {
		r, offset := b.where(page)
		atDonors += bytes.Count(r.do(b.t, verbs.OpRead, offset, nil), []byte(mark))
	}
	if b.cfg.Backing != NoBacking {
		file, err := os.ReadFile(b.cfg.Backing)
		if err != nil {
			b.t.Fatal(err)
		}
		local = bytes.Count(file, []byte(mark))
	}
	heard, onWire := b.spy.heard()
	if least := int64(len(b.pages)) * testPage; heard < least {
		b.t.Errorf("%d bytes went through the relays, at least %d were to", heard, least)
	}
	return atDonors, local, onWire
}

func (b *besieged) mustBeIllegible() {
	b.t.Helper()
	if atDonors, local, onWire := b.readAll(); atDonors+local+onWire > 0 {
		b.t.Errorf("pieces of known pages: %d at donors, %d in the backing file, %d on the wire", atDonors, local, onWire)
	}
}

// TestRelay has relays without any secret between the device and its donors. They read, write, replay and exchange
// pages. Nothing can be read, each forged page is found, and none reaches the reader.
func TestRelay(t *testing.T) {
	t.Run("no other copy", func(t *testing.T) {
		b := besiege(t, *relayPages, rigOptions{prepare: func(c *Config) {
			c.Backing, c.AcceptLoss = NoBacking, true
			c.NoPrefetch = true // or what was fetched before the trick answers
		}})
		for i := range tricks {
			b.play(&tricks[i], func(page int64) bool { return page%2 == 0 }, false)
		}
		b.next()
		b.mustBeIllegible()
		for donor := range uint16(2) {
			b.until("the donor is on probation", func() bool { return b.engine.steering.Distrusted(donor) })
		}
	})
	t.Run("another copy", func(t *testing.T) {
		b := besiege(t, *relayPages, rigOptions{prepare: func(c *Config) { c.NoPrefetch = true }})
		for i := range tricks { // a right checksum would take the slab away
			b.play(&tricks[i], func(int64) bool { return false }, false)
		}
		b.next()
		b.mustBeIllegible()
		for donor := range uint16(2) {
			if b.engine.steering.Distrusted(donor) {
				t.Error("a donor is on probation though nothing was forged but its checksum told it")
			}
		}
		if io := b.engine.report().IO; io.Errors != 0 {
			t.Errorf("%+v", io)
		}
	})
	for i := range tricks {
		k := &tricks[i]
		t.Run("donor is left/"+k.name, func(t *testing.T) {
			b := besiege(t, 2, rigOptions{prepare: func(c *Config) { c.NoPrefetch = true }}) // a page of each donor: one is enough
			b.play(k, func(int64) bool { return true }, false)
			b.until("both donors have no slab", func() bool { return b.mapped() == 0 })
			for _, page := range b.pages {
				b.mustBeTrue(page)
			}
			s := b.engine.report()
			if s.IO.Errors != 0 || s.IO.Forged < 2 || s.Moves.Pages != 0 || b.told(status.EventForged) == 0 {
				t.Errorf("%+v %+v, told %d times", s.IO, s.Moves, b.told(status.EventForged))
			}
		})
	}
}

// TestRelayOfUnsealedPages plays the tricks with a device that does not seal: they succeed, and all can be read.
func TestRelayOfUnsealedPages(t *testing.T) {
	b := besiege(t, 20, rigOptions{prepare: func(c *Config) { c.NoPrefetch, c.Seal = true, SealOff }})
	for i := range tricks {
		b.play(&tricks[i], func(int64) bool { return true }, true)
	}
	b.next()
	const pieces = testPage / 16
	if atDonors, local, onWire := b.readAll(); atDonors < 20*pieces || local < 20*pieces || onWire < 20*pieces {
		t.Errorf("pieces of known pages: %d at donors, %d in the backing file, %d on the wire", atDonors, local, onWire)
	}
}
