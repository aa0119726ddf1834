package swapdev

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"farswap/control"
	"farswap/slabmap"
	"farswap/verbs"
)

const (
	// mappingPause is before another look at a slab that is just being mapped.
	mappingPause = 20 * time.Millisecond
	// copyPause is before a move goes on after its connections have failed, and
	// copyTries how often it does before the slab is dropped instead.
	copyPause = 100 * time.Millisecond
	copyTries = 20
)

// mover gives slabs back to donors that want them: it moves each to another donor
// while it is in use, and only if none has room lets the backing file serve it. It
// has a thread of its own, which alone calls its methods but order.
type mover struct {
	chooser
	wake    chan struct{} // one slot
	corrupt atomic.Uint64 // pages that were bad at their old donor

	mu      sync.Mutex // guards waiting and counts
	waiting []order
	counts  moveCounts
}

// order is a slab that a donor wants back.
type order struct {
	slab   int
	donor  uint16
	urgent bool
}

// moveCounts are totals since the device was opened.
type moveCounts struct {
	moved, dropped, pages uint64
	last                  time.Duration // of the last move
}

func newMover(e *engine) *mover { return &mover{chooser: newChooser(e), wake: make(chan struct{}, 1)} }

// order has slabs given back to a donor. What waits already is not ordered twice.
func (m *mover) order(donor uint16, slabs []uint32, urgent bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, slab := range slabs {
		i := slices.IndexFunc(m.waiting, func(o order) bool { return o.slab == int(slab) && o.donor == donor })
		if i < 0 {
			m.waiting = append(m.waiting, order{int(slab), donor, urgent})
		} else {
			m.waiting[i].urgent = m.waiting[i].urgent || urgent
		}
	}
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// next takes the first urgent order, else the first.
func (m *mover) next() (order, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.waiting) == 0 {
		return order{}, false
	}
	i := max(0, slices.IndexFunc(m.waiting, func(o order) bool { return o.urgent }))
	o := m.waiting[i]
	m.waiting = slices.Delete(m.waiting, i, i+1)
	return o, true
}

func (m *mover) run(ctx context.Context) {
	runtime.LockOSThread() // the copier's ring
	defer runtime.UnlockOSThread()
	for {
		select {
		case <-ctx.Done():
			return
		case <-m.wake:
		}
		m.carryOut(ctx)
	}
}

// carryOut does what has been ordered. Its connections end with it: one that waits
// would keep an adapter from being removed.
func (m *mover) carryOut(ctx context.Context) {
	c := newCopier(m.engine)
	defer func() {
		if err := c.close(); err != nil {
			m.engine.cfg.Log.Error().Err(err).Msg("connections of a move do not end")
		}
	}()
	for ctx.Err() == nil {
		o, ok := m.next()
		if !ok {
			return
		}
		if err := m.giveBack(ctx, c, o); err != nil && ctx.Err() == nil {
			m.engine.cfg.Log.Warn().Err(err).Int("slab", o.slab).Str("donor", m.engine.donors.get(o.donor).address).
				Msg("a slab is not given back to its donor")
		}
	}
}

// giveBack ends a slab's stay at the donor that wants it back, and tells it so.
func (m *mover) giveBack(ctx context.Context, c *copier, o order) error {
	e := m.engine
	for e.pages.Slab(o.slab).State == slabmap.Mapping { // there, perhaps
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(mappingPause):
		}
	}
	from := e.donors.get(o.donor)
	session, ok := from.up()
	if !ok {
		return nil // lost with all its slabs
	}
	s := e.pages.Slab(o.slab)
	if s.State == slabmap.Mapped && s.Donor == o.donor {
		moved, err := m.move(ctx, c, o.slab, s)
		if !moved && err != nil && ctx.Err() == nil {
			err = m.drop(o, s, err)
		}
		if err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, mapDeadline)
	defer cancel()
	err := session.Unmap(ctx, uint32(o.slab))
	if errors.Is(err, control.ErrUnknownSlab) {
		return nil
	}
	return err
}

// move takes a slab to another donor. After true it has left the old one, where no
// operation of it is in flight; after false it is there as before.
func (m *mover) move(ctx context.Context, c *copier, slab int, s slabmap.Slab) (moved bool, err error) {
	e := m.engine
	begun := time.Now()
	var to *donor
	var epoch uint64
	err = m.find(ctx, m.candidates(s.Donor), func(d *donor, _ time.Duration) error {
		to = d
		epoch, err = m.beginMove(ctx, slab, s, d)
		return err
	})
	if err != nil {
		return false, err
	}
	pages, err := m.copyAll(ctx, c, slab, s, epoch)
	if err == nil {
		err = e.pages.EndMove(slab, epoch)
	}
	switch now := e.pages.Slab(slab); {
	case now.State == slabmap.Migrating && now.Epoch == epoch:
		return true, m.giveUp(slab, s, epoch, to, err)
	case err != nil && (now.State != slabmap.Mapped || now.Epoch != epoch):
		// The new donor is lost, and the backing file serves the slab.
		m.quiesce(slab, s.Epoch, epoch)
		return true, nil
	}
	m.quiesce(slab, s.Epoch, epoch)
	took := time.Since(begun)
	m.mu.Lock()
	m.counts.moved++
	m.counts.pages += uint64(pages)
	m.counts.last = took
	m.mu.Unlock()
	e.cfg.Log.Info().Int("slab", slab).Str("from", e.donors.get(s.Donor).address).Str("to", to.address).
		Int("pages", pages).Stringer("took", took.Round(time.Microsecond)).Msg("slab is moved")
	return true, nil
}

// beginMove has a donor lend memory for the slab, and sends writes there from now on.
func (m *mover) beginMove(ctx context.Context, slab int, s slabmap.Slab, d *donor) (epoch uint64, err error) {
	session, ok := d.up()
	if !ok {
		return 0, fmt.Errorf("donor %s: %w", d.address, ErrNoDonor)
	}
	ctx, cancel := context.WithTimeout(ctx, mapDeadline)
	defer cancel()
	info, err := session.Map(ctx, uint32(slab), uint64(m.engine.cfg.SlabSize), false, d.over())
	if err != nil {
		if ctx.Err() != nil {
			session.Abort(err) // it may have been carried out: the session's end undoes it
		}
		return 0, err
	}
	err = d.open(session, slab, s.Epoch+1, verbs.Key(info.Key), func() error {
		epoch, err = m.engine.pages.BeginMove(slab, s.Epoch, d.id)
		return err
	})
	if err != nil {
		err = errors.Join(err, session.Unmap(ctx, uint32(slab)))
	}
	return epoch, err
}

// copyAll copies the pages that are at the old donor until none is left, also over
// connections made anew. It returns how many.
func (m *mover) copyAll(ctx context.Context, c *copier, slab int, s slabmap.Slab, epoch uint64) (pages int, err error) {
	for range copyTries {
		n, err := c.copy(ctx, slab, s, epoch)
		pages += n
		if err == nil || errors.Is(err, errMoveOver) || ctx.Err() != nil {
			return pages, err
		}
		m.engine.cfg.Log.Debug().Err(err).Int("slab", slab).Msg("a move goes on with new connections")
		select {
		case <-ctx.Done():
			return pages, ctx.Err()
		case <-time.After(copyPause):
		}
	}
	return pages, fmt.Errorf("move slab %d: its pages cannot be copied: %w", slab, ErrNoDonor)
}

// giveUp ends a move that gets no further with both donors there: without a backing
// file it stays as it is, else that serves the slab.
func (m *mover) giveUp(slab int, s slabmap.Slab, epoch uint64, to *donor, cause error) error {
	if m.engine.ended() || !m.engine.droppable(slab) {
		return cause
	}
	failed, err := m.engine.pages.Fail(slab, epoch)
	if err != nil {
		return err
	}
	m.engine.releaseSlabs([]failedSlab{{slab, failed}})
	if session, ok := to.up(); ok {
		ctx, cancel := context.WithTimeout(context.Background(), mapDeadline)
		defer cancel()
		_ = session.Unmap(ctx, uint32(slab)) // else its lease ends
	}
	m.quiesce(slab, s.Epoch, epoch)
	m.dropped(slab, s.Donor, cause)
	return nil
}

// drop has the backing file serve a slab that no other donor takes, for the reason
// given.
func (m *mover) drop(o order, s slabmap.Slab, cause error) error {
	if !m.engine.droppable(o.slab) {
		return fmt.Errorf("slab %d has pages that are nowhere else, and no other donor takes it: %w", o.slab, cause)
	}
	failed, err := m.engine.pages.Fail(o.slab, s.Epoch)
	if err != nil {
		return err
	}
	m.engine.releaseSlabs([]failedSlab{{o.slab, failed}})
	m.dropped(o.slab, s.Donor, cause)
	return nil
}

func (m *mover) dropped(slab int, from uint16, cause error) {
	m.mu.Lock()
	m.counts.dropped++
	m.mu.Unlock()
	m.engine.cfg.Log.Info().Int("slab", slab).Str("from", m.engine.donors.get(from).address).AnErr("why", cause).
		Msg("slab is dropped: no other donor takes it, the backing file serves it")
}

// droppable reports whether the backing file has, or is about to have, every page
// of slab.
func (e *engine) droppable(slab int) bool {
	if e.backing == nil {
		return false
	}
	first, end := e.pages.Geometry().PageRange(slab)
	for page := first; page < end; page++ {
		if v := e.pages.Look(page); v.Place == slabmap.Remote && !v.Pending && !v.Writing {
			return false
		}
	}
	return true
}

// quiesce waits until no operation is in flight at the old donor of a move: that is
// so at the latest when the slab has been given up, and each has a deadline.
func (m *mover) quiesce(slab int, old, moved uint64) {
	pages := m.engine.pages
	for pages.InFlightUnder(slab, old) > 0 && pages.Slab(slab).Epoch <= moved+1 && !m.engine.ended() {
		time.Sleep(releasePause)
	}
}

// totals are the counts so far.
func (m *mover) totals() moveCounts {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.counts
}
