package scrubber

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/offheap"
	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/swapdev/lenders"
	"github.com/farswap/farswap/swapdev/path"
	"github.com/farswap/farswap/swapdev/placement"
	"github.com/farswap/farswap/uring"
	"github.com/farswap/farswap/verbs"
)

// errAvoided means that a donor cannot be used just now, and that this is known already.
var errAvoided = errors.New("the donor has failed a short while ago")

const (
	// tickInterval is between two looks at deadlines, and endPasses of it are how long a
	// connection that was shut down may take to end.
	tickInterval = 50 * time.Millisecond
	endPasses    = 100
	// fencePause is at least between two attempts to lower barriers.
	fencePause = 100 * time.Millisecond
)

// lanes are the scrubber's connections to donors, with their ring and their buffer. They
// belong to a thread.
type lanes struct {
	cfg     *Config
	loop    *uring.Loop
	arena   []byte // of two runs
	regions map[*lenders.Transport]verbs.Region
	all     map[uint16]*lane // by donor

	avoided     map[uint16]struct{} // donors that have failed in this pass
	generations map[uint16]uint64   // of the last attempt to connect
	// unknown are the donors with a WRITE of unknown outcome, whose barrier is up, and how
	// often each had been lost when the WRITE's connection was made.
	unknown map[uint16]uint64
	fenced  time.Time // when it was last tried to lower barriers

	// losses counts, for each donor, how often it was lost. Any goroutine may read them.
	losses [path.MaxDonors]atomic.Uint64
}

// lane is the connection to one donor, in one session.
type lane struct {
	session *control.Session
	qp      verbs.QP
	losses  uint64 // of the donor before the session was looked up
}

func newLanes(cfg *Config) *lanes {
	return &lanes{
		cfg: cfg, regions: make(map[*lenders.Transport]verbs.Region), all: make(map[uint16]*lane),
		avoided: make(map[uint16]struct{}), generations: make(map[uint16]uint64), unknown: make(map[uint16]uint64),
	}
}

// open makes the ring and the buffer. Waits give the processor up: the scrubber may be
// slow.
func (l *lanes) open() error {
	arena, err := offheap.Map(2*runPages*slabmap.PageSize, offheap.Options{Lock: true, Purpose: "buffers of the scrubber"})
	if err != nil {
		return err
	}
	loop, err := uring.NewLoop(uring.Config{Entries: 16})
	if err != nil {
		return errors.Join(err, offheap.Unmap(arena))
	}
	l.arena, l.loop = arena, loop
	return nil
}

// buffer is memory for a number of pages. The two buffers, 0 and 1, are used apart.
func (l *lanes) buffer(i, pages int) []byte {
	at := i * runPages * slabmap.PageSize
	return l.arena[at : at+pages*slabmap.PageSize : at+pages*slabmap.PageSize]
}

// do carries out one operation at a donor. If it is a WRITE that has failed, the barrier of
// the donor is up when do returns. A donor that has failed is avoided until the next pass.
func (l *lanes) do(ctx context.Context, donor uint16, wr *verbs.WR) error {
	if _, ok := l.avoided[donor]; ok {
		return errAvoided
	}
	err := l.carryOut(ctx, donor, wr)
	if err != nil {
		l.avoided[donor] = struct{}{}
	}
	return err
}

func (l *lanes) carryOut(ctx context.Context, donor uint16, wr *verbs.WR) error {
	lane, err := l.reach(ctx, donor)
	if err != nil {
		return err
	}
	if err := l.loop.Pass(0); err != nil { // the clock may be old
		return err
	}
	if err := lane.qp.Post(wr); err != nil {
		return err
	}
	var done [1]verbs.Completion
	for lane.qp.Poll(done[:]) == 0 {
		lane.qp.Doorbell()
		if err := l.loop.Pass(tickInterval); err != nil {
			panic(fmt.Sprintf("scrubber: the ring of a copy: %v", err)) // the buffer is with the kernel
		}
		lane.qp.Tick(l.loop.Now())
	}
	if done[0].Status == verbs.StatusOK {
		return nil
	}
	if wr.Op == verbs.OpWrite {
		l.raise(donor, lane.losses)
	}
	return errors.Join(done[0].Status.Err(), lane.qp.Err())
}

// raise forbids writes to a donor at which a WRITE may still be carried out. losses is how
// often the donor had been lost when the WRITE's connection was made.
func (l *lanes) raise(donor uint16, losses uint64) {
	if _, up := l.unknown[donor]; !up {
		l.cfg.Barrier.Raise(donor)
	}
	l.unknown[donor] = losses
}

func (l *lanes) lower(donor uint16) {
	if _, up := l.unknown[donor]; up {
		delete(l.unknown, donor)
		l.cfg.Barrier.Lower(donor)
	}
}

// fence connects donors anew that have a WRITE of unknown outcome, so that it cannot be
// carried out any more, and lowers their barriers. The copies of a donor that was lost since
// are void, and its keys died with its session. fence does nothing shortly after the last
// attempt.
func (l *lanes) fence(ctx context.Context) {
	if len(l.unknown) == 0 || time.Since(l.fenced) < fencePause {
		return
	}
	defer func() { l.fenced = time.Now() }()
	for donor, losses := range l.unknown {
		if l.losses[donor].Load() != losses {
			l.lower(donor)
			continue
		}
		if _, err := l.reach(ctx, donor); err != nil && ctx.Err() == nil {
			l.cfg.Log.Debug().Err(err).Str("donor", l.cfg.Donors.Get(donor).Address()).Msg("the scrubber cannot connect anew yet")
		}
	}
}

// reach is the connection to a donor, in its session now.
func (l *lanes) reach(ctx context.Context, donor uint16) (*lane, error) {
	d, losses := l.cfg.Donors.Get(donor), l.losses[donor].Load()
	session, up := d.Up()
	if lane := l.all[donor]; lane != nil {
		if up && lane.session == session && lane.qp.State() == verbs.StateReady {
			return lane, nil
		}
		if err := l.finish(lane); err != nil {
			return nil, err
		}
		delete(l.all, donor)
	}
	if !up {
		return nil, fmt.Errorf("donor %s: %w", d.Address(), lenders.ErrNoDonor)
	}
	qp, err := l.connect(ctx, d, session)
	if err != nil {
		return nil, fmt.Errorf("connect to donor %s: %w", d.Address(), err)
	}
	l.all[donor] = &lane{session, qp, losses}
	l.lower(donor)
	return l.all[donor], nil
}

// connect makes the next connection to a donor.
func (l *lanes) connect(ctx context.Context, d *lenders.Donor, session *control.Session) (verbs.QP, error) {
	name := d.Transport()
	device, err := l.use(name)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, placement.AskDeadline)
	defer cancel()
	l.generations[d.ID()]++
	w := session.Welcome()
	conn, err := device.Connect(ctx, session.DataAddress(name),
		verbs.Credential{Session: verbs.SessionID(w.Session), Secret: w.Secret},
		verbs.QPConfig{Depth: 1, Timeout: l.cfg.OpTimeout, Place: Place, Generation: l.generations[d.ID()]})
	if err != nil {
		return nil, err
	}
	qp, err := conn.Attach(l.loop, nil)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return qp, nil
}

// use registers the buffer with the transport of that name.
func (l *lanes) use(name string) (verbs.Device, error) {
	for _, t := range l.cfg.Transports {
		if t.Name != name {
			continue
		}
		device, err := t.Use(nil)
		if err != nil || l.regions[t] != nil {
			return device, err
		}
		region, err := device.Register(l.arena)
		if err != nil {
			return nil, fmt.Errorf("register the scrubber's buffer: %w", err)
		}
		l.regions[t] = region
		return device, nil
	}
	return nil, fmt.Errorf("transport %q: %w", name, lenders.ErrNoDonor) // it was lost just now
}

// finish ends a connection, which has no operation under way. It makes passes after that,
// too: the ring keeps the connection's files open until it has been told to let go of them,
// and it may be told twice when it was busy with one. An adapter is not removed before.
func (l *lanes) finish(lane *lane) error {
	lane.qp.Fail(nil)
	for i := 0; ; i++ {
		err := lane.qp.Close()
		if err == nil {
			return errors.Join(l.loop.Pass(0), l.loop.Pass(0))
		}
		if i == endPasses {
			return err
		}
		if err := l.loop.Pass(tickInterval); err != nil {
			return err
		}
	}
}

// rest ends all connections and registrations: those that wait would keep an adapter from
// being removed.
func (l *lanes) rest() error {
	for donor, lane := range l.all {
		if err := l.finish(lane); err != nil {
			return err
		}
		delete(l.all, donor)
	}
	for t, r := range l.regions {
		if err := r.Close(); err != nil {
			return err
		}
		delete(l.regions, t)
	}
	return nil
}

// close frees everything. After an error the buffer stays: it may still be in use.
func (l *lanes) close() error {
	if err := l.rest(); err != nil {
		return err
	}
	return errors.Join(l.loop.Close(), offheap.Unmap(l.arena))
}
