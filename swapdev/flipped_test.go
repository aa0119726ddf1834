package swapdev

import (
	"bytes"
	"flag"
	"math/rand/v2"
	"testing"

	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/ublk"
	"github.com/farswap/farswap/verbs"
)

// flipped is how many bits are flipped and pages exchanged, in a donor's memory and on the wire, once with sealed
// pages and once with others; ./do flips has more. Ten thousand take some minutes.
var flipped = flag.Int("flipped", 210, "bits flipped and pages exchanged, in a donor's memory and on the wire")

// flippedPages is how many pages are damaged before all are written anew.
const flippedPages = 400

// damages are what bad memory and a bad network do. Nobody means them: no checksum is made right.
var damages = []trick{
	{"flip", "a bit in a donor's memory", writes, oneBit},
	{"flip", "a bit of a WRITE", changesWrites, oneBit},
	{"flip", "a bit of an answer", changesAnswers, oneBit},
	{"exchange", "another page in a donor's memory", writes, anotherPage},
	{"exchange", "another page in a WRITE", changesWrites, neighbourInWrite},
	{"exchange", "another page in an answer", changesAnswers, anotherPage},
	{"exchange", "the page of another donor in an answer", changesAnswers, func(b *besieged, page int64, _ []byte) []byte {
		_, offset := b.where(page)
		return b.before[1-b.engine.pages.SlabOf(page)].written(offset)
	}},
}

func oneBit(_ *besieged, _ int64, now []byte) []byte {
	page := bytes.Clone(now)
	page[rand.IntN(testPage)] ^= 1 << rand.IntN(8)
	return page
}

// neighbourInWrite is anotherPage for who holds the relay's lock, as changes of what goes by do.
func neighbourInWrite(b *besieged, page int64, _ []byte) []byte {
	r, offset := b.where(page)
	return bytes.Clone(r.writes[offset-testPage])
}

// TestFlippedAndExchanged damages pages one at a time. Each is found when it is read, and the read is answered with
// the page from its other copy.
func TestFlippedAndExchanged(t *testing.T) {
	for name, seal := range map[string]Seal{"sealed": SealOn, "unsealed": SealOff} {
		t.Run(name, func(t *testing.T) {
			pages := min(flippedPages, (*flipped+len(damages)-1)/len(damages))
			b := besiege(t, pages, rigOptions{prepare: func(c *Config) { c.NoPrefetch, c.Seal = true, seal }})
			done := map[string]int{}
			for i := 0; done["flip"]+done["exchange"] < *flipped && !t.Failed(); i++ {
				k := &damages[i%len(damages)]
				b.play(k, func(int64) bool { return false }, false) // fails for a page that is not found, or answered wrongly
				done[k.kind] += len(b.pages)
			}
			s := b.engine.report().IO
			t.Logf("%d bits flipped, %d pages exchanged: all found, all reads right; the device counts %d corrupt pages", done["flip"], done["exchange"], s.Corrupt)
			if s.Errors != 0 || s.Forged != 0 || s.Corrupt < uint64(*flipped) {
				t.Errorf("%+v", s)
			}
		})
	}
}

// TestExchangeOfEqualPages: a page that holds the same is as good as the right one, if nobody seals. If it is sealed,
// no two pages are the same, and it is found.
func TestExchangeOfEqualPages(t *testing.T) {
	for name, seal := range map[string]Seal{"sealed": SealOn, "unsealed": SealOff} {
		t.Run(name, func(t *testing.T) {
			b := besiege(t, 4, rigOptions{prepare: func(c *Config) { c.NoPrefetch, c.Seal = true, seal }})
			b.next()
			page, equal := b.pages[1], knownPage(7, 7)
			for _, p := range b.pages[:2] {
				if res := b.queue(0).do(ublk.OpWrite, p*testPage, equal, testPage); res != testPage {
					t.Fatalf("write: %d", res)
				}
			}
			b.until("all copies are there", func() bool {
				v := b.engine.pages.Look(page)
				return v.Place == slabmap.Remote|slabmap.Backing && !v.Pending
			})
			r, offset := b.where(page)
			b.until("the relay has seen both", func() bool { return r.written(offset-testPage) != nil })
			r.do(t, verbs.OpWrite, offset, r.written(offset-testPage))
			before := b.engine.report().IO.Corrupt
			data, res := b.fetch(page)
			found := b.engine.report().IO.Corrupt - before
			if res != testPage || !bytes.Equal(data, equal) || (found > 0) != (seal == SealOn) {
				t.Errorf("answered with %d, right %t, found %d times", res, bytes.Equal(data, equal), found)
			}
		})
	}
}
