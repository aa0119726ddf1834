package placement

import (
	"testing"

	"github.com/farswap/farswap/slabmap"
)

// from and to are the donors of the moves of these tests.
const from, to = 1, 2

// onePage is a map of one slab, which has one page.
func onePage(t *testing.T) *slabmap.Map {
	t.Helper()
	g := slabmap.Geometry{Size: slabmap.PageSize, SlabSize: slabmap.MinSlabSize}
	pages, err := slabmap.New(g, make([]byte, slabmap.MemoryNeeded(g)))
	if err != nil {
		t.Fatal(err)
	}
	return pages
}

// mapped gives the slab to a donor, and returns its epoch.
func mapped(t *testing.T, pages *slabmap.Map, donor uint16) uint64 {
	t.Helper()
	epoch, err := pages.BeginMap(0)
	if err == nil {
		err = pages.CompleteMap(0, epoch, donor)
	}
	if err != nil {
		t.Fatal(err)
	}
	return epoch
}

// left checks that nothing of the slab is at a lost donor, and that it does not migrate.
func left(t *testing.T, pages *slabmap.Map, lost uint16) {
	t.Helper()
	if s := pages.Slab(0); s.State == slabmap.Migrating || Holds(s) && s.Donor == lost {
		t.Fatalf("donor %d is lost, and the slab is %+v", lost, s)
	}
}

// TestFailBetweenTheStepsOfAMove has a move go on before each of the looks and transitions of
// a loss, in every order. A step that comes too late is refused.
func TestFailBetweenTheStepsOfAMove(t *testing.T) {
	type step func(pages *slabmap.Map, epoch uint64)
	begin := func(pages *slabmap.Map, epoch uint64) { _, _ = pages.BeginMove(0, epoch, to) }
	end := func(pages *slabmap.Map, epoch uint64) { _ = pages.EndMove(0, epoch+1) }
	abort := func(pages *slabmap.Map, epoch uint64) { _, _ = pages.AbortMove(0, epoch+1, to) }
	for name, c := range map[string]struct {
		lost  uint16
		begun bool // before the donor is lost
		steps []step
	}{
		"the old donor, as a move begins":          {from, false, []step{begin}},
		"the old donor, as a move begins and ends": {from, false, []step{begin, end}},
		"the old donor, as a move ends":            {from, true, []step{end}},
		"the new donor, as a move ends":            {to, true, []step{end}},
		// The loss of the new donor, at the same time, takes a move back.
		"both donors, as a move begins":     {from, false, []step{begin, abort}},
		"both donors, in the middle":        {from, true, []step{abort}},
		"both donors, and the next attempt": {from, true, []step{abort, begin}},
		"the new donor twice":               {to, true, []step{abort}},
	} {
		t.Run(name, func(t *testing.T) {
			changed := 0   // losses that had to look again
			const most = 9 // steps of a loss that looks three times
			for first := range most + 1 {
				for second := first; second <= most; second++ {
					pages := onePage(t)
					epoch := mapped(t, pages, from)
					if c.begun {
						begin(pages, epoch)
					}
					steps, before, now := c.steps, []int{first, second}[:len(c.steps)], 0
					// moveOn does the steps of the move that come before the next one of the loss.
					moveOn := func() {
						for ; len(steps) > 0 && before[0] <= now; steps, before = steps[1:], before[1:] {
							steps[0](pages, epoch)
						}
						now++
					}
					for done := false; !done; {
						moveOn()
						s := seen{slab: pages.Slab(0)}
						moveOn()
						s.old, s.moves = pages.OldDonor(0)
						moveOn()
						if _, done = s.leave(pages, 0, c.lost); !done {
							changed++
						}
						if now > 2*most {
							t.Fatalf("steps before %d and %d: the loss does not end", first, second)
						}
					}
					for _, late := range steps {
						late(pages, epoch)
					}
					left(t, pages, c.lost)
				}
			}
			if changed == 0 {
				t.Error("no order has the slab change under a loss")
			}
		})
	}
}
