package swapdev

import (
	"os"
	"testing"

	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/ublk"
	"github.com/farswap/farswap/verbs"
)

// TestForgedPageOfAMove has a donor forge a page as its slab moves away, with the right checksum. The page must not
// come to the new donor, which would be blamed for it: it comes from the backing file, or is lost.
func TestForgedPageOfAMove(t *testing.T) {
	noBacking := func(c *Config) { c.Backing, c.AcceptLoss = NoBacking, true }
	for _, tt := range []struct {
		name    string
		prepare func(*Config)
		want    int32 // of a read of the page afterwards
	}{
		{"with a backing file", nil, testPage},
		{"without", noBacking, -5},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, w := watch(t, rigOptions{donors: 2, queues: 1, prepare: tt.prepare})
			first, end := r.fill(0)
			bad := first + 21
			if tt.prepare == nil {
				r.until("the backing file has all pages", func() bool { return r.both(first, end-first) })
			}
			crc := r.engine.pages.Look(bad).CRC
			w.tamper = func(wr *verbs.WR) {
				at := int(int64(bad)*testPage - int64(wr.Remote))
				if wr.Op == verbs.OpRead && at >= 0 && at < len(wr.Local) {
					forged := wr.Local[at : at+testPage]
					copy(forged, content(bad, 4, 1))
					withChecksum(forged, crc)
				}
			}
			from := r.engine.pages.Slab(0).Donor
			r.engine.moves.Order(from, []uint32{0}, false)
			r.until("the slab has left its donor", func() bool {
				s := r.engine.pages.Slab(0)
				return s.State != slabmap.Migrating && !(s.State == slabmap.Mapped && s.Donor == from) && r.engine.moves.Pending() == 0
			})
			r.until("the donor that forges is on probation", func() bool { return r.engine.steering.Distrusted(from) })
			if res := r.queue(0).do(ublk.OpRead, bad*testPage, make([]byte, testPage), testPage); res != tt.want {
				t.Errorf("the forged page is answered with %d, want %d", res, tt.want)
			}
			for page := first; page < end; page++ {
				if page != bad || tt.want == testPage {
					r.read(0, page, 3, 1)
				}
			}
			if r.engine.steering.Distrusted(1 - from) {
				t.Error("the donor to which the slab went is blamed")
			}
			if s := r.engine.report(); s.IO.Forged == 0 || s.IO.Corrupt != 0 {
				t.Errorf("%+v", s.IO)
			}
		})
	}
}

// TestForgedPageIsNotBroughtBack has somebody edit the backing file, with the right checksum, before the scrubber
// brings its pages to a donor. The donor must not get the page, nor be blamed for it.
func TestForgedPageIsNotBroughtBack(t *testing.T) {
	const bad = 21
	l := startLender(t, "tcp")
	l.full.Store(true)
	r := newRig(t, rigOptions{prepare: func(c *Config) { c.Donors = []string{l.address()} }})
	r.write(0, 16, 3, 16)
	forged := content(bad, 4, 1)
	withChecksum(forged, r.engine.pages.Look(bad).CRC)
	f, err := os.OpenFile(r.cfg.Backing, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(forged, bad*testPage); err != nil {
		t.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	l.full.Store(false)
	r.heat(0)
	r.until("the other pages are brought back", func() bool {
		r.write(0, 0, 1, 1) // it is hot
		return r.both(16, bad-16) && r.both(bad+1, 31-bad)
	})
	r.until("the forged page is told", func() bool { return r.told(status.EventForged) > 0 })
	if v := r.engine.pages.Look(bad); v.Place != slabmap.Backing {
		t.Errorf("the forged page is in %v", v.Place)
	}
	if res := r.queue(0).do(ublk.OpRead, bad*testPage, make([]byte, testPage), testPage); res != -5 {
		t.Errorf("the forged page is answered with %d", res)
	}
	if r.engine.steering.Distrusted(0) {
		t.Error("the donor is blamed for what is in the backing file")
	}
}
