package donor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/status"
)

// ErrOverdue is the reason for which the donor ends a session whose device does not return slabs
// in time.
var ErrOverdue = errors.New("the device did not return slabs in time")

// patience is how long a donor that needs memory waits for devices.
type patience struct {
	activity time.Duration // for answers to CheckActivity
	calm     time.Duration // for the next slab of a recall
	urgent   time.Duration // the same in a real shortage
}

// defaultPatience follows from measurements: a device under load moves a slab of 64 MiB in some
// seconds, and a slab of 1 GiB over a slow network in half a minute. In a shortage it drops slabs
// that would take too long.
var defaultPatience = patience{activity: 500 * time.Millisecond, calm: time.Minute, urgent: 3 * time.Second}

// recall is the slabs of one device that the donor asks back together. It outlives a session that
// breaks: a device that comes back within the time may claim its slabs, which takes the recall of
// these back.
type recall struct {
	dev      *device
	name     string // the device's
	why      string
	urgent   bool
	choosing time.Duration
	checking time.Duration
	asked    time.Time

	// Donor.mu guards the fields below, until done is closed.
	slabs    []uint32  // ascending
	bytes    int64     // of slabs
	left     int       // not freed yet
	returned time.Time // when the last of them became unreachable
	freed    time.Time // when the donor unmapped its memory
	done     chan struct{}

	progress chan struct{} // one slot: the device has returned a slab
	hurry    chan struct{} // one slot: the shortage has become a real one
	again    chan struct{} // one slot: the device is connected again
}

// takeBack frees at least that many bytes if devices hold them. It frees slabs under lease at once,
// asks devices for the others, and returns once it has chosen those. Slabs of a device in recovery are
// among the others.
//
// The donor waits for the Unmap of each slab, not for the answer to Evict. A device that does not
// unmap a further slab in time, for whatever reason, loses its session: that revokes its keys,
// and the donor frees the slabs that it asked back. A device that does not know Evict loses its
// session at once. A device that is not there has the same time to come back and claim its slabs.
func (d *Donor) takeBack(ctx context.Context, bytes int64, urgent bool, why string) {
	bytes -= d.freeHeld(bytes, why)
	if bytes <= 0 {
		return
	}
	extra := d.cfg.Extra
	if why == whyDrain {
		extra = 0 // a drain takes all
	}
	begun := time.Now()
	chosen, checking := d.choose(ctx, bytes, extra)
	choosing := time.Since(begun)
	for dev, part := range byDevice(chosen) {
		r := &recall{dev: dev, name: part[0].name, why: why, urgent: urgent, choosing: choosing, checking: checking, asked: time.Now(), done: make(chan struct{}), progress: make(chan struct{}, 1), hurry: make(chan struct{}, 1), again: make(chan struct{}, 1)}
		if d.mark(r, part) {
			d.recalls.Go(func() { d.await(ctx, r) })
		}
	}
}

// mark marks the slabs that the device still has as asked back. It reports whether there are
// any.
func (d *Donor) mark(r *recall, part []loan) bool {
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, l := range part {
		if s := l.dev.slabs[l.index]; s == l.slab && s != nil && d.mayAsk(l.dev, s, now) {
			s.recall = r
			r.slabs = append(r.slabs, l.index)
			r.bytes += int64(len(s.mem))
		}
	}
	slices.Sort(r.slabs)
	r.left = len(r.slabs)
	d.ledger.askedBack(r.bytes)
	return r.left > 0
}

// returned counts a slab of a recall as returned. remove calls it right after it has freed the
// memory.
func (d *Donor) returned(r *recall, at time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r.returned, r.freed = at, time.Now()
	if r.left--; r.left == 0 {
		close(r.done)
		return
	}
	select {
	case r.progress <- struct{}{}:
	default:
	}
}

// takeBackRecall takes back the recall of a slab that its device has just claimed: an order to return it
// could reach the device before it knows that it has the slab. If the donor still needs memory, it
// chooses anew. op and mu are held.
func (d *Donor) takeBackRecall(dev *device, i uint32) {
	s := dev.slabs[i]
	r := s.recall
	if r == nil {
		return
	}
	s.recall = nil
	at, _ := slices.BinarySearch(r.slabs, i)
	r.slabs = slices.Delete(r.slabs, at, at+1)
	r.bytes -= int64(len(s.mem))
	d.ledger.askedBack(-int64(len(s.mem)))
	if r.left--; r.left == 0 {
		close(r.done)
	}
}

// await asks a device for slabs and waits for them. It ends the session of a device that is late.
func (d *Donor) await(ctx context.Context, r *recall) {
	wait := d.patience.calm
	if r.urgent {
		wait = d.patience.urgent
	}
	late := time.NewTimer(wait)
	defer late.Stop()
	asking, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	answer := make(chan error)
	ask := func(urgent bool) {
		d.recalls.Go(func() {
			err := d.ask(asking, r, urgent)
			select {
			case answer <- err:
			case <-asking.Done():
			}
		})
	}
	ask(r.urgent)

	var answered time.Duration
	var refusal error
	forced := false
	for {
		select {
		case refusal = <-answer:
			answered = cmp.Or(answered, time.Since(r.asked))
			if errors.Is(refusal, control.ErrUnsupported) {
				late.Reset(0)
			}
		case <-r.progress:
			late.Reset(wait)
		case <-r.hurry:
			if wait != d.patience.urgent {
				wait = d.patience.urgent
				late.Reset(wait)
				ask(true)
			}
		case <-r.again: // the wait goes on: the donor needs the memory
			ask(wait == d.patience.urgent)
		case <-late.C:
			d.collect(r, wait, refusal)
			forced = true
		case <-r.done:
			if len(r.slabs) == 0 {
				return // the device has claimed all
			}
			d.evicted(status.DonorEviction{
				At: r.freed, Device: r.name, UUID: r.dev.uuid.String(), Identity: r.dev.identity,
				Slabs: len(r.slabs), Bytes: r.bytes, Why: r.why, Urgent: wait == d.patience.urgent, Forced: forced,
				Choosing: int64(r.choosing), Checking: int64(r.checking), Asking: int64(answered),
				Returning: int64(r.returned.Sub(r.asked)), Freeing: int64(r.freed.Sub(r.returned)),
			}, r.slabs)
			return
		case <-ctx.Done(): // the donor ends and frees everything
			return
		}
	}
}

// collect frees the slabs of a recall whose device is late. A session that has mapped some of them ends;
// refusal is what its device has answered, if anything.
func (d *Donor) collect(r *recall, wait time.Duration, refusal error) {
	slabs, mapped, ses := d.recalled(r)
	why := fmt.Errorf("%w: none in %v, of %d slabs of device %s", ErrOverdue, wait, len(slabs), r.name)
	if refusal != nil {
		why = fmt.Errorf("%w: it answered: %w", why, refusal)
	}
	if len(mapped) > 0 {
		d.dismiss(r.dev, ses, why)
	}
	r.dev.op.Lock()
	defer r.dev.op.Unlock()
	if r.dev.gone {
		return
	}
	for _, i := range slabs {
		if s := r.dev.slabs[i]; s != nil && s.recall == r && s.key == 0 {
			d.removeOrSay(r.dev, i)
		}
	}
	d.forget(r.dev)
}

// recalled lists the slabs of a recall that the donor does not have back, and those of them that the
// device has mapped, in a session.
func (d *Donor) recalled(r *recall) (all, mapped []uint32, ses *session) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, i := range r.slabs {
		s := r.dev.slabs[i]
		if s == nil || s.recall != r {
			continue
		}
		all = append(all, i)
		if s.key != 0 {
			mapped = append(mapped, i)
		}
	}
	return all, mapped, r.dev.session
}

// askAgain has the slabs of a recall asked for again.
func (r *recall) askAgain() {
	select {
	case r.again <- struct{}{}:
	default:
	}
}

// ask asks a device for the slabs that it has mapped. It passes over those that the device has not
// claimed yet.
func (d *Donor) ask(ctx context.Context, r *recall, urgent bool) error {
	_, mapped, ses := d.recalled(r)
	for chunk := range slices.Chunk(mapped, control.MaxList) {
		if err := d.connection(ses).Evict(ctx, chunk, urgent); err != nil {
			return err
		}
	}
	return nil
}

// hurry makes recalls urgent that began calmly and are not over.
func (d *Donor) hurry() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, dev := range d.devices {
		for _, s := range dev.slabs {
			if r := s.recall; r != nil && !r.urgent {
				select {
				case r.hurry <- struct{}{}:
				default:
				}
			}
		}
	}
}

// evicted logs and counts slabs that the donor took back.
func (d *Donor) evicted(e status.DonorEviction, slabs []uint32) {
	event := d.log.Info()
	if e.Forced {
		event = d.log.Warn()
	}
	part := func(n int64) time.Duration { return time.Duration(n).Round(time.Microsecond) }
	event.Str("device", e.Device).Str("identity", e.Identity).Str("uuid", e.UUID).Uints32("slabs", slabs).Int64("bytes", e.Bytes).
		Str("why", e.Why).Bool("urgent", e.Urgent).Bool("leased", e.Leased).Bool("forced", e.Forced).
		Stringer("choosing", part(e.Choosing)).Stringer("checking", part(e.Checking)).Stringer("asking", part(e.Asking)).
		Stringer("returning", part(e.Returning)).Stringer("freeing", part(e.Freeing)).Msg("slabs evicted")
	d.mu.Lock()
	d.evictions += uint64(e.Slabs)
	d.evictedBytes += uint64(e.Bytes)
	d.lastEviction = &e
	d.mu.Unlock()
	d.again()
}
