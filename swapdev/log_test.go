package swapdev

import (
	"bytes"
	"testing"
	"time"

	"github.com/rs/zerolog"

	daemon "github.com/farswap/farswap/donor"
	"github.com/farswap/farswap/internal/asynclog"
	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/swapdev/lenders"
)

// stuckReader is the reader of a log that has stopped: writes to it wait until the test ends.
type stuckReader struct{ stuck, goOn chan struct{} }

func (r stuckReader) Write(b []byte) (int, error) {
	select {
	case r.stuck <- struct{}{}:
	default:
	}
	<-r.goOn
	return len(b), nil
}

// fullLog is a log as farswapd has it, whose reader has stopped and that takes no more lines.
func fullLog(t *testing.T) *asynclog.Writer {
	t.Helper()
	r := stuckReader{make(chan struct{}, 1), make(chan struct{})}
	w := asynclog.New(r, nil)
	t.Cleanup(func() {
		close(r.goOn)
		if !w.Close(time.Minute) {
			t.Error("the log does not end")
		}
	})
	line := bytes.Repeat([]byte("x"), 1000)
	_, _ = w.Write(line)
	<-r.stuck
	for w.Dropped() == 0 {
		_, _ = w.Write(line)
	}
	return w
}

// TestNobodyReadsTheLog has slabs mapped and moved, and a donor lost and found, while nobody
// reads the logs of the device and of the donors.
func TestNobodyReadsTheLog(t *testing.T) {
	log := fullLog(t)
	before := log.Dropped()
	r := newRig(t, rigOptions{
		donors: 2, queues: 1, lend: func(_ int, c *daemon.Config) { c.Log = zerolog.New(log) },
		prepare: func(c *Config) { c.Log = zerolog.New(log) },
	})
	r.heat(0, 1, 2)
	from := r.engine.pages.Slab(0).Donor
	r.engine.moves.Order(from, []uint32{0}, true)
	r.until("the slab has moved", func() bool {
		s := r.engine.pages.Slab(0)
		return s.State == slabmap.Mapped && s.Donor != from
	})
	r.donors[0].kill()
	r.until("the donor is lost", func() bool { return r.engine.report().Donors[0].State == string(lenders.StateDown) })
	r.donors[0].start()
	r.until("the donor is back", func() bool { return r.engine.report().Donors[0].State == string(lenders.StateUp) })
	for slab := range 3 {
		first, _ := r.engine.pages.Geometry().PageRange(slab)
		r.read(0, first, 1, 1)
	}
	if log.Dropped() == before {
		t.Error("nothing was logged")
	}
}
