package swapdev

import (
	"context"
	"time"

	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/swapdev/journal"
	"github.com/farswap/farswap/swapdev/lenders"
	"github.com/farswap/farswap/swapdev/path"
	"github.com/farswap/farswap/swapdev/placement"
)

// notePause is how long after a note those of the same kind are only counted: a disk that
// failed would fill the log.
const notePause = time.Second

// teller tells what queues have noted.
type teller struct {
	notes   *path.Notes
	journal *journal.Journal
	pages   *slabmap.Map
	donors  *lenders.Lenders
	// distrust takes the slabs away from a donor from which a forged page has come.
	distrust func(donor uint16)
}

// run tells notes until ctx ends.
func (t *teller) run(ctx context.Context) {
	type pause struct {
		end    time.Time
		hidden int // notes since
	}
	pauses := map[path.NoteKind]pause{}
	for {
		select {
		case <-ctx.Done():
			return
		case n := <-t.notes.All():
			if n.Forged && n.From == slabmap.Remote {
				t.distrust(n.Donor)
			}
			p, now := pauses[n.NoteKind], time.Now()
			if now.Before(p.end) {
				p.hidden++
				pauses[n.NoteKind] = p
				continue
			}
			t.tell(n, p.hidden)
			pauses[n.NoteKind] = pause{end: now.Add(notePause)}
		}
	}
}

// tell tells one note, and how many of its kind were not told before it.
func (t *teller) tell(n path.Note, hidden int) {
	var e *journal.Entry
	switch {
	case n.Corrupt:
		e = t.journal.Warn(status.EventCorrupt, "a page failed its checksum; it is read again or from another copy").
			At(t.pages.SlabOf(n.Page)).With("page", n.Page).With("copy", n.From)
		if n.From == slabmap.Remote {
			e.Of("donor", t.donors.Get(n.Donor))
		}
	case n.Forged:
		e = t.journal.Warn(status.EventForged, "a page was forged: it has its checksum, and this device has not sealed it; it is read from another copy").
			At(t.pages.SlabOf(n.Page)).With("page", n.Page).With("copy", n.From)
		if n.From == slabmap.Remote {
			e.Of("donor", t.donors.Get(n.Donor)).With("probation", placement.ProbationTime)
		}
	case n.WrittenOut:
		e = t.journal.Error(status.EventWrittenOut, "a page has been written as often as a sealed page can be; stop the device and add it again, which gives it a new key").
			At(t.pages.SlabOf(n.Page)).With("page", n.Page)
	case n.Errno != 0:
		e = t.journal.Warn(status.EventBackingFailed, "the backing file failed").Because(n.Errno).With("write", n.Write)
	default:
		e = t.journal.Warn(status.EventBackingFailed, "the backing file gave a short answer: is its disk full?").With("write", n.Write)
	}
	if hidden > 0 {
		e.With("not_told", hidden)
	}
	e.Tell()
}
