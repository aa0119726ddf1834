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

// ErrOverdue ends the session of a device that does not return slabs in time.
var ErrOverdue = errors.New("slabs not returned in time")

// patience is how long a donor that needs memory waits for devices.
type patience struct {
	activity time.Duration // for answers to CheckActivity
	calm     time.Duration // for the next of the slabs that were asked back
	urgent   time.Duration // the same in a real shortage
}

// A device under load moves a slab of 64 MiB in some seconds, and one of 1 GiB over
// a slow network in half a minute. In a shortage it drops what takes too long.
var defaultPatience = patience{activity: 500 * time.Millisecond, calm: time.Minute, urgent: 3 * time.Second}

// recall is slabs of one session that were asked back together.
type recall struct {
	loan     // any of them
	slabs    []uint32
	bytes    int64
	why      string
	urgent   bool
	choosing time.Duration
	checking time.Duration
	asked    time.Time

	// Donor.mu guards the fields below, until done is closed.
	left     int       // not freed yet
	returned time.Time // when the last of them could no longer be reached
	freed    time.Time // when its memory was unmapped
	done     chan struct{}

	progress chan struct{} // one slot: a slab has come back
	hurry    chan struct{} // one slot: the shortage is a real one by now
}

// takeBack frees at least that many bytes if devices hold them: slabs that no
// session uses at once, the others after their devices were asked. It returns when
// those have been chosen.
//
// What counts is the Unmap of each slab, not the answer to Evict. A device that does
// not unmap another of them in time, for whatever reason, loses its session: that
// kills its keys, and what was asked back is freed. One that does not know Evict
// loses it at once.
func (d *Donor) takeBack(ctx context.Context, bytes int64, urgent bool, why string) {
	bytes -= d.freeHeld(bytes, why)
	if bytes <= 0 {
		return
	}
	extra := d.cfg.Extra
	if why == whyDrain {
		extra = 0 // all go
	}
	begun := time.Now()
	chosen, checking := d.choose(ctx, bytes, extra)
	choosing := time.Since(begun)
	for _, part := range bySession(chosen) {
		r := &recall{loan: part[0], why: why, urgent: urgent, choosing: choosing, checking: checking, asked: time.Now(), done: make(chan struct{}), progress: make(chan struct{}, 1), hurry: make(chan struct{}, 1)}
		if d.mark(r, part) {
			d.recalls.Go(func() { d.await(ctx, r) })
		}
	}
}

// mark notes which of a session's slabs are asked back: those that it still has.
func (d *Donor) mark(r *recall, part []loan) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, l := range part {
		if s := l.dev.slabs[l.index]; s == l.slab && s.key != 0 && s.recall == nil && l.dev.session == l.ses {
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

// returned is told of each slab of a recall that has gone, right after its memory.
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

// await asks a device for its slabs and sees to it that they come.
func (d *Donor) await(ctx context.Context, r *recall) {
	wait := d.patience.calm
	if r.urgent {
		wait = d.patience.urgent
	}
	late := time.NewTimer(wait)
	defer late.Stop()
	asking, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	answer := make(chan error, 2)
	d.recalls.Go(func() { answer <- ask(asking, r, r.urgent) })

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
				d.recalls.Go(func() { answer <- ask(asking, r, true) })
			}
		case <-late.C:
			err := fmt.Errorf("%w: none for %v, of %d slabs of device %s", ErrOverdue, wait, len(r.slabs), r.name)
			if refusal != nil {
				err = fmt.Errorf("%w: it answered: %w", err, refusal)
			}
			r.ses.control.Abort(err) // Ended frees the slabs
			forced = true
		case <-r.done:
			d.evicted(status.DonorEviction{
				At: r.freed, Device: r.name, UUID: r.dev.uuid.String(), Identity: r.dev.identity,
				Slabs: len(r.slabs), Bytes: r.bytes, Why: r.why, Urgent: wait == d.patience.urgent, Forced: forced,
				Choosing: int64(r.choosing), Checking: int64(r.checking), Asking: int64(answered),
				Returning: int64(r.returned.Sub(r.asked)), Freeing: int64(r.freed.Sub(r.returned)),
			}, r.slabs)
			return
		case <-ctx.Done(): // the donor ends, and frees everything
			return
		}
	}
}

func ask(ctx context.Context, r *recall, urgent bool) error {
	for chunk := range slices.Chunk(r.slabs, control.MaxList) {
		if err := r.ses.control.Evict(ctx, chunk, urgent); err != nil {
			return err
		}
	}
	return nil
}

// hurry makes urgent what was asked back calmly and has not come.
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

// evicted logs and counts what has gone.
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
