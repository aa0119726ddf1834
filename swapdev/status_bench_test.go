package swapdev

import (
	"runtime"
	"testing"

	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/status"
)

// reportSource is a device's source that needs an engine only.
type reportSource struct {
	statusSource
	engine *engine
}

func (s reportSource) Status() status.Device { return s.engine.report() }

// BenchmarkStatus is of a device of 10,000 slabs, a hundred of which change before
// every call: what making a status takes, and what asking for it over the socket.
func BenchmarkStatus(b *testing.B) {
	const slabs = 10_000
	r := newRig(b, rigOptions{donors: 1, queues: 2, prepare: func(c *Config) {
		c.Size, c.Backing, c.AcceptLoss = slabs*slabmap.MinSlabSize, NoBacking, true
	}})
	e := r.engine
	path := status.Socket(b.TempDir())
	server, err := status.ServeDevice(path, reportSource{statusSource{}, e})
	if err != nil {
		b.Fatal(err)
	}
	defer server.Close()
	change := func() {
		for slab := 0; slab < slabs; slab += 100 {
			first, _ := e.pages.Geometry().PageRange(slab)
			e.pages.Discard(first)
		}
	}
	procs := runtime.GOMAXPROCS(0) // with those that the loops have added
	e.report()                     // the first counts all pages
	for _, bb := range []struct {
		name  string
		slabs int
		ask   func() (status.Device, error)
	}{
		{"report", slabs, func() (status.Device, error) { return e.report(), nil }},
		{"fetch", slabs, func() (status.Device, error) { return status.Fetch(b.Context(), path) }},
		{"summary", 0, func() (status.Device, error) { return status.FetchSummary(b.Context(), path) }},
	} {
		b.Run(bb.name, func(b *testing.B) {
			runtime.GOMAXPROCS(procs) // package testing sets another number
			for b.Loop() {
				change()
				if d, err := bb.ask(); err != nil || len(d.Slabs) != bb.slabs {
					b.Fatalf("%d slabs, %v", len(d.Slabs), err)
				}
			}
		})
	}
}
