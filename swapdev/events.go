package swapdev

import (
	"context"
	"time"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/status"
)

// events carries what a queue's thread notices to the goroutines that tell and
// decide. Nothing of it waits: when a channel is full, the same was said
// before, and the counts have the rest.
type events struct {
	kick  chan struct{} // a slab is to be mapped before the second is over
	notes chan note
}

// note is for the journal.
type note struct {
	noteKind
	page  int64
	from  slabmap.Place
	donor uint16     // of a remote copy
	errno unix.Errno // of the backing file; 0: a short answer
}

// noteKind is what a note is about.
type noteKind struct {
	corrupt bool // else: the backing file failed
	write   bool
}

// notePause is how long after a note those of the same kind are only counted: a disk
// that failed would fill the log.
const notePause = time.Second

func newEvents() *events {
	return &events{kick: make(chan struct{}, 1), notes: make(chan note, 64)}
}

func (e *events) needMapping() {
	select {
	case e.kick <- struct{}{}:
	default:
	}
}

// corrupt is about a page whose copy, the donor's if it is remote, fails its checksum.
func (e *events) corrupt(page int64, from slabmap.Place, donor uint16) {
	e.note(note{noteKind: noteKind{corrupt: true}, page: page, from: from, donor: donor})
}

func (e *events) backingFailed(kind partKind, res int32) {
	n := note{noteKind: noteKind{write: kind != readBacking}}
	if res < 0 {
		n.errno = unix.Errno(-res)
	}
	e.note(n)
}

func (e *events) note(n note) {
	select {
	case e.notes <- n:
	default:
	}
}

// tellNotes tells what queues have noted, until ctx ends.
func (e *engine) tellNotes(ctx context.Context) {
	type pause struct {
		end    time.Time
		hidden int // notes since
	}
	pauses := map[noteKind]pause{}
	for {
		select {
		case <-ctx.Done():
			return
		case n := <-e.events.notes:
			p, now := pauses[n.noteKind], time.Now()
			if now.Before(p.end) {
				p.hidden++
				pauses[n.noteKind] = p
				continue
			}
			e.tellNote(n, p.hidden)
			pauses[n.noteKind] = pause{end: now.Add(notePause)}
		}
	}
}

// tellNote tells one note, and how many of its kind were not told before it.
func (e *engine) tellNote(n note, hidden int) {
	var t *entry
	switch {
	case n.corrupt:
		t = e.journal.warn(status.EventCorrupt, "a page failed its checksum; it is read again or from another copy").
			at(e.pages.SlabOf(n.page)).with("page", n.page).with("copy", n.from)
		if n.from == slabmap.Remote {
			t.of("donor", e.donors.get(n.donor))
		}
	case n.errno != 0:
		t = e.journal.warn(status.EventBackingFailed, "the backing file failed").because(n.errno).with("write", n.write)
	default:
		t = e.journal.warn(status.EventBackingFailed, "the backing file gave a short answer: is its disk full?").with("write", n.write)
	}
	if hidden > 0 {
		t.with("not_told", hidden)
	}
	t.tell()
}
