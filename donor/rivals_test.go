package donor

import (
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/farswap/farswap/control"
)

// TestRivals: of two servers of one device the later one has the slabs, and the other hears that it is not to come
// again. What an earlier release says of itself decides nothing, and neither does a second session of one server.
func TestRivals(t *testing.T) {
	const wins, isRefused = "wins", "is refused"
	for name, tt := range map[string]struct {
		first, second served
		want          string // of the second
		hears         error  // the first, if it loses
	}{
		"the next server":           {served{1, 1}, served{2, 2}, wins, control.ErrOtherServer},
		"the one before":            {served{2, 2}, served{1, 1}, isRefused, nil},
		"a copy":                    {served{1, 1}, served{2, 1}, wins, control.ErrOtherServer},
		"the same server":           {served{1, 3}, served{1, 3}, wins, control.ErrSuperseded},
		"one of an earlier release": {served{2, 2}, served{}, wins, control.ErrSuperseded},
		"one after such a release":  {served{}, served{1, 1}, wins, control.ErrSuperseded},
	} {
		t.Run(name, func(t *testing.T) {
			d := lend(t, testConfig())
			cfg := dialConfig(control.NewUUID())
			cfg.Server, cfg.Generation = tt.first.server, tt.first.generation
			first := dial(t, d, cfg)
			mapSlab(t, first, 1, false)
			cfg.Server, cfg.Generation = tt.second.server, tt.second.generation
			second, err := control.Dial(t.Context(), d.Addr(), cfg)
			if tt.want == isRefused {
				if !errors.Is(err, control.ErrOtherServer) || first.Err() != nil {
					t.Fatalf("the second: %v; the first: %v", err, first.Err())
				}
				_ = first.Close() // and so it is while the donor holds the slabs only
				eventually(t, "the slab is held", func() bool { return len(d.Status().Leases) == 1 })
				if _, err := control.Dial(t.Context(), d.Addr(), cfg); !errors.Is(err, control.ErrOtherServer) {
					t.Errorf("after the end of the first: %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer second.Close()
			<-first.Done()
			if err := first.Err(); !errors.Is(err, tt.hears) {
				t.Errorf("the first has ended with %v, want %v", err, tt.hears)
			}
			if held := second.Welcome().Held; len(held) != 1 {
				t.Errorf("held %v", held)
			}
		})
	}
}

// TestReplacedSessionIsForgotten: a device whose servers die again and again leaves nothing of their sessions in
// memory, however long the sessions could have been resumed.
func TestReplacedSessionIsForgotten(t *testing.T) {
	d := lend(t, testConfig())
	uuid := control.NewUUID()
	var forgotten atomic.Int32
	const servers = 4
	for range servers {
		die(t, d, patient(uuid, time.Hour), 0)
		d.mu.Lock()
		runtime.AddCleanup(d.devices[deviceKey{uuid: uuid}].session, func(int) { forgotten.Add(1) }, 0)
		d.mu.Unlock()
	}
	dial(t, d, patient(uuid, time.Hour))
	eventually(t, "the sessions are forgotten", func() bool {
		runtime.GC()
		return forgotten.Load() == servers
	})
}
