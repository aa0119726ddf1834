package scrubber

import (
	"testing"

	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/swapdev/path"
)

// TestCopyIsLookedAtOnce: copies that are found bad again and again take no room from others.
func TestCopyIsLookedAtOnce(t *testing.T) {
	s := New(Config{})
	for i := range 2 * mostLater {
		s.look(path.Bad{Page: int64(i % 2), Copy: slabmap.Backing})
	}
	s.look(path.Bad{Page: 0, Copy: slabmap.Remote})
	if len(s.later) != 3 {
		t.Errorf("%d copies are looked at, want 3", len(s.later))
	}
}
