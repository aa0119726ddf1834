package donor

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/evict"
)

// loan is a slab that a device with a session has mapped, or that a device in recovery has not claimed
// yet.
type loan struct {
	dev   *device
	name  string   // the device's
	ses   *session // nil if a device in recovery has none
	index uint32
	slab  *slab
	held  bool // not claimed yet
}

// loans returns all slabs that the donor may ask back.
func (d *Donor) loans() []loan {
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	var list []loan
	for _, dev := range d.devices {
		for i, s := range dev.slabs {
			if d.mayAsk(dev, s, now) {
				list = append(list, loan{dev, dev.name, dev.session, i, s, s.key == 0})
			}
		}
	}
	return list
}

// mayAsk reports whether the donor may ask a slab back. It does not if the slab was mapped since the tick
// before the last: its device may not know yet that it has it. Slabs under lease are the donor's own
// to take, except during a recovery. mu is held.
func (d *Donor) mayAsk(dev *device, s *slab, now time.Time) bool {
	switch {
	case s.recall != nil:
		return false
	case s.key == 0:
		return dev.recovery.under(now)
	}
	return d.ticks.Load()-s.tick >= 2
}

// choose returns mapped slabs to take back, of at least that many bytes if devices hold so
// many. It picks extra more slabs than it needs at random, asks their devices how active they
// are, and returns the least active. It waits for the answers for patience.activity. It does
// not ask when it returns all candidates anyway. checking is the time that asking took.
func (d *Donor) choose(ctx context.Context, bytes int64, extra int) (chosen []loan, checking time.Duration) {
	all := d.loans()
	if len(all) == 0 {
		return nil, 0
	}
	var sum int64
	for _, l := range all {
		sum += int64(len(l.slab.mem))
	}
	mean := sum / int64(len(all)) // bytes; devices have slabs of different sizes
	e := int(min((bytes+mean-1)/mean, int64(len(all))))
	candidates := evict.Candidates(d.rng, all, e, extra)
	if len(candidates) > e {
		begun := time.Now()
		active := d.activities(ctx, candidates)
		checking = time.Since(begun)
		candidates = evict.LeastActive(candidates, len(candidates), func(l loan) (float64, bool) {
			a, ok := active[l.slab]
			return a, ok
		})
	}
	for n, l := range candidates {
		if bytes -= int64(len(l.slab.mem)); bytes <= 0 {
			return candidates[:n+1], checking
		}
	}
	return candidates, checking
}

// activities asks the devices of some slabs at the same time how active the slabs are, in page
// I/Os per second. The answer lacks slabs of devices that do not answer in time.
func (d *Donor) activities(ctx context.Context, list []loan) map[*slab]float64 {
	ctx, cancel := context.WithTimeout(ctx, d.patience.activity)
	defer cancel()
	var asking sync.WaitGroup
	var mu sync.Mutex // guards active
	active := make(map[*slab]float64, len(list))
	for _, part := range byDevice(list) {
		part = slices.DeleteFunc(part, func(l loan) bool { return l.held }) // the device does not know them yet
		if len(part) == 0 {
			continue
		}
		asking.Go(func() {
			for chunk := range slices.Chunk(part, control.MaxList) {
				answer, err := d.connection(part[0].ses).CheckActivity(ctx, indices(chunk))
				if err != nil {
					d.log.Debug().Str("device", chunk[0].name).Err(err).Msg("device does not tell the activity of slabs")
					return
				}
				mu.Lock()
				for i, l := range chunk {
					active[l.slab] = answer[i]
				}
				mu.Unlock()
			}
		})
	}
	asking.Wait()
	return active
}

func byDevice(list []loan) map[*device][]loan {
	parts := make(map[*device][]loan)
	for _, l := range list {
		parts[l.dev] = append(parts[l.dev], l)
	}
	return parts
}

func indices(list []loan) []uint32 {
	slabs := make([]uint32, len(list))
	for i, l := range list {
		slabs[i] = l.index
	}
	return slabs
}
