package add

import (
	"errors"
	"strings"
	"testing"

	"github.com/rs/zerolog"

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

// TestBuffersFitIntoMemory: so does a depth that somebody has chosen. One that takes much is told of.
func TestBuffersFitIntoMemory(t *testing.T) {
	here, err := memory.Here().Sample()
	if err != nil {
		t.Fatal(err)
	}
	all := int(here.Total / copies) // bytes of one request whose buffers take all memory
	for _, c := range []struct {
		maxIO      int
		chosen     bool
		fits, much bool
	}{
		{all, true, false, true},
		{all, false, true, false},
		{all / 2, true, true, true},
		{all / 2 / muchOfMemory, true, true, false},
	} {
		o := options{target: targetSwap, size: 1 << 20, seal: string(swapdev.SealOff), queues: 1, depth: depth{1, c.chosen}, maxIO: flags.Size(c.maxIO)}
		if err := o.checkMemory(); (err == nil) != c.fits || err != nil && (!errors.Is(err, usage.Err) || !strings.Contains(err.Error(), "--depth 1")) {
			t.Errorf("%+v: %v", c, err)
		}
		var said strings.Builder
		warnBuffers(o.chosenBuffers(), here.Total, zerolog.New(&said))
		if (said.Len() > 0) != c.much {
			t.Errorf("%+v: the log says %q", c, said.String())
		}
	}
}
