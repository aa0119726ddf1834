package add

import (
	"errors"
	"testing"

	"github.com/farswap/farswap/internal/cli/flags"
	"github.com/farswap/farswap/internal/cli/usage"
	"github.com/farswap/farswap/internal/memory"
	"github.com/farswap/farswap/swapdev"
)

// A device is refused if its map alone takes more memory than the machine has: three times as much
// for each page if they are sealed.
func TestMapFitsIntoMemory(t *testing.T) {
	here, err := memory.Here().Sample()
	if err != nil {
		t.Fatal(err)
	}
	size := flags.Size(here.Total * 4096 / mapBytesPerPage) // the map of open pages takes all memory
	for _, c := range []struct {
		seal swapdev.Seal
		size flags.Size
		fits bool
	}{
		{swapdev.SealOff, size, false},
		{swapdev.SealOff, size / 2, true},
		{swapdev.SealOn, size / 2, false},
		{swapdev.SealOn, size / 4, true},
	} {
		o := options{target: targetSwap, size: c.size, seal: string(c.seal)}
		if err := o.checkMemory(); (err == nil) != c.fits || err != nil && !errors.Is(err, usage.Err) {
			t.Errorf("sealed %s, %v: %v", c.seal, c.size, err)
		}
	}
}
