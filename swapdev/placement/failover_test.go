package placement

import (
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/farswap/farswap/slabmap"
)

// TestFailWhileAMoveBegins loses the old donor of a slab just as its move begins or ends:
// afterwards nothing of it is there, and it does not migrate.
func TestFailWhileAMoveBegins(t *testing.T) {
	g := slabmap.Geometry{Size: slabmap.PageSize, SlabSize: slabmap.MinSlabSize}
	pages, err := slabmap.New(g, make([]byte, slabmap.MemoryNeeded(g)))
	if err != nil {
		t.Fatal(err)
	}
	rounds := uint64(100000)
	if testing.Short() {
		rounds = 30000
	}
	const from, to = 1, 2
	var epoch, begun, ended atomic.Uint64 // the last two are rounds
	until := func(count *atomic.Uint64, round uint64) {
		for i := 0; count.Load() < round; i++ {
			if i > 1000 {
				runtime.Gosched()
			}
		}
		for range rand.IntN(100) { // to meet at another point each time
			count.Load()
		}
	}
	go func() {
		for round := uint64(1); round <= rounds; round++ {
			until(&begun, round)
			moved, err := pages.BeginMove(0, epoch.Load(), to)
			if err == nil && round%4 == 0 {
				_ = pages.EndMove(0, moved)
			}
			ended.Store(round)
		}
	}()
	for round := uint64(1); round <= rounds; round++ {
		e, err := pages.BeginMap(0)
		if err == nil {
			err = pages.CompleteMap(0, e, from)
		}
		if err != nil {
			t.Fatal(err)
		}
		epoch.Store(e)
		begun.Store(round)
		until(&begun, round)
		failed := Fail(pages, from)
		until(&ended, round)
		s := pages.Slab(0)
		if s.State == slabmap.Migrating || Holds(s) && s.Donor == from {
			t.Fatalf("round %d: its donor is lost, and the slab is %+v", round, s)
		}
		if Holds(s) {
			failed = Fail(pages, to)
		}
		if err := pages.Release(0, failed[0].Epoch); err != nil {
			t.Fatal(err)
		}
	}
}
