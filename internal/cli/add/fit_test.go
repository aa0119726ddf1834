package add

import (
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/farswap/farswap/internal/cli/command"
	"github.com/farswap/farswap/internal/cli/flags"
	"github.com/farswap/farswap/internal/memory"
	"github.com/farswap/farswap/ublk"
)

// TestBuffersFitTheMachine: the queues of a small machine are shallow, and those of any other machine as
// deep as ever.
func TestBuffersFitTheMachine(t *testing.T) {
	const mib = 1 << 20
	for _, c := range []struct {
		total  int64
		queues int
		maxIO  int
		want   int
	}{
		{512 * mib, 1, 128 << 10, ublk.DefaultDepth},
		{512*mib - 1, 1, 128 << 10, 32},
		{256*mib - 1, 1, 128 << 10, 16},
		{87 * mib, 1, 128 << 10, leastDepth},
		{1 * mib, 1, 128 << 10, leastDepth},
		{2048 * mib, 4, 128 << 10, ublk.DefaultDepth},
		{1024 * mib, 4, 128 << 10, 32},
		{512 * mib, 1, 1 << 20, leastDepth},
		{64 * mib, 1, 4 << 10, ublk.DefaultDepth},
	} {
		s := ublk.Spec{Queues: c.queues, MaxIO: c.maxIO}.WithDefaults()
		got := fitDepth(c.total, s)
		if got != c.want {
			t.Errorf("%d MiB, %d queues, requests of %d: depth %d, want %d", c.total/mib, c.queues, c.maxIO, got, c.want)
		}
		if bytes := int64(got * c.queues * c.maxIO * copies); got > leastDepth && bytes > c.total/buffersPart {
			t.Errorf("%d MiB: the buffers take %d bytes", c.total/mib, bytes)
		}
	}
}

// TestTinyMachineIsToldOf: the log hears of a machine that is smaller than any that was tried.
func TestTinyMachineIsToldOf(t *testing.T) {
	for total, want := range map[int64]bool{memory.LeastTried - 1: true, memory.LeastTried: false, 0: false} {
		var said strings.Builder
		warnTiny(total, zerolog.New(&said))
		if got := strings.Contains(said.String(), "less memory than any"); got != want {
			t.Errorf("%d bytes: the log says %q", total, said.String())
		}
	}
}

// TestChosenDepthStays: who chooses a depth gets it, also if it is the default. A configuration file sets
// flags as this test does.
func TestChosenDepthStays(t *testing.T) {
	here, err := memory.Here().Sample()
	if err != nil {
		t.Fatal(err)
	}
	for _, chosen := range []bool{false, true} {
		cmd, o := newCommand(&command.App{})
		o.maxIO = flags.Size(here.Total) // not one request of this size fits
		if chosen {
			if err := cmd.Flags().Lookup("depth").Value.Set("64"); err != nil {
				t.Fatal(err)
			}
		}
		if err := o.fit(); err != nil {
			t.Fatal(err)
		}
		if want := map[bool]int{true: 64, false: leastDepth}[chosen]; o.depth.n != want {
			t.Errorf("depth %d, want %d if it was chosen: %v", o.depth.n, want, chosen)
		}
	}
}

// TestFittedDepthIsKept: the next server of a device has the depth of the first, however much memory the
// machine has by then.
func TestFittedDepthIsKept(t *testing.T) {
	cmd, o := newCommand(&command.App{})
	o.depth.n = leastDepth
	_, n := recalled(t, cmd)
	if n.depth.n != leastDepth || !n.depth.chosen {
		t.Errorf("the next server has depth %+v, want %d", n.depth, leastDepth)
	}
}
