package mover

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/farswap/farswap/internal/loghist"
	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/swapdev/lenders"
	"github.com/farswap/farswap/verbs"
)

// test does the test reads of a donor that were ordered.
func (m *Mover) test(ctx context.Context, donor uint16) {
	d := m.cfg.Donors.Get(donor)
	losses := m.copier.losses[donor].Load()
	l, ok := m.tests.Of(d)
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, m.cfg.TestTime)
	defer cancel()
	first, end := m.cfg.Pages.Geometry().PageRange(l.Slab)
	j := &testJob{
		ctx: ctx, donor: donor, losses: losses, key: l.key, left: m.cfg.TestReads,
		pages: end - first, // the last slab may be short
	}
	err := m.copier.do(ctx, j)
	if err == nil {
		err = j.err
	}
	if err != nil {
		m.cfg.Log.Debug().Err(err).Str("donor", d.Address()).Msg("test reads fail")
	}
	m.cfg.Steering.Tested(donor, &j.reads)
}

// testJob reads pages of a donor's memory, as many at a time as a copy does. When ctx ends,
// or with an error, they are fewer than were asked for.
type testJob struct {
	ctx    context.Context
	donor  uint16
	losses uint64 // of the donor, when it lent the memory
	key    verbs.Key
	pages  int64

	// What follows belongs to the copier's thread, until the job is over.

	reads loghist.Histogram // how long each took
	err   error
	left  int // reads that are not begun
	first int // slot
	busy  int // slots
	qp    verbs.QP
	begun [copySlots]time.Time
}

func (j *testJob) begin(first int) { j.first = first }

func (j *testJob) hurries() bool { return false }

func (j *testJob) presses() bool { return false }

func (j *testJob) idles() bool { return false }

func (j *testJob) failed(donor uint16, err error) {
	if donor == j.donor && j.err == nil {
		j.err = err
	}
}

// drive implements job.
func (j *testJob) drive(c *copier) (over bool) {
	if j.err != nil || j.ctx.Err() != nil {
		return j.busy == 0
	}
	if j.qp == nil {
		e := c.reach(j.donor, c.connected)
		if e == nil {
			return false
		}
		if j.qp = e.qp; e.losses != j.losses {
			j.err = lenders.ErrNoDonor // its key is nobody's now
			return true
		}
		for i := range copySlots {
			j.post(c, i)
		}
	}
	return j.busy == 0
}

// post begins the next read, in a slot.
func (j *testJob) post(c *copier, i int) {
	if j.left == 0 || j.err != nil || j.ctx.Err() != nil {
		return
	}
	j.begun[i] = time.Now()
	err := j.qp.Post(&verbs.WR{
		ID: uint64(j.first + i), Op: verbs.OpRead, Local: c.bytes(j.first+i, 0, 1),
		Remote: uint64(rand.Int64N(j.pages)) * slabmap.PageSize, Key: j.key,
	})
	if err != nil {
		j.err = err
		return
	}
	j.left--
	j.busy++
}

// ended implements job.
func (j *testJob) ended(c *copier, slot int, d verbs.Completion) {
	j.busy--
	if d.Status == verbs.StatusOK {
		i := slot - j.first
		j.reads.Record(int64(time.Since(j.begun[i])))
		j.post(c, i)
	}
}

// loaded implements job: test reads do not read the backing file.
func (*testJob) loaded(*copier, int, int32) {}
