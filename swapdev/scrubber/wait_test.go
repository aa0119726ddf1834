package scrubber

import (
	"context"
	"testing"
	"time"

	"github.com/farswap/farswap/offheap"
	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/swapdev/path"
)

// TestLackingPagesEndTheWait: pages that the backing file has lacked since the last pass, or
// that it can take again, do not wait for the time of the next one. Those that a pass could not
// help do.
func TestLackingPagesEndTheWait(t *testing.T) {
	g := slabmap.Geometry{Size: slabmap.MinSlabSize, SlabSize: slabmap.MinSlabSize}
	mem, err := offheap.Map(slabmap.MemoryNeeded(g), offheap.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := offheap.Unmap(mem); err != nil {
			t.Error(err)
		}
	}()
	pages, err := slabmap.New(g, mem)
	if err != nil {
		t.Fatal(err)
	}
	s := New(Config{Pages: pages, Notes: path.NewNotes()})
	waits := func(longest time.Duration) bool {
		ctx, cancel := context.WithTimeout(t.Context(), longest)
		defer cancel()
		s.wait(ctx, time.Hour)
		return ctx.Err() != nil
	}
	s.worked = true
	if !waits(3 * newsPause) {
		t.Error("a pass begins early, for no reason")
	}
	pages.BeginWrite(0)
	pages.EndWrite(0, slabmap.Written{}) // nobody has it
	if waits(time.Minute) {
		t.Error("a page that has come to lack its copy waits")
	}
	s.lacked = pages.Lacking()
	if !waits(3 * newsPause) {
		t.Error("a pass begins early for a page that the last one could not help")
	}
	s.worked = false
	if waits(time.Minute) {
		t.Error("a page waits though the file works again")
	}
}
