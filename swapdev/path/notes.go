package path

import (
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/slabmap"
)

// Notes carries what a queue's thread notices to the goroutines that tell and decide.
// Nothing of it waits. When a channel is full, the same was said before, and the counts
// have the rest. Its methods may be called from any goroutine.
type Notes struct {
	kick  chan struct{}
	waits atomic.Bool
	notes chan Note
	bad   chan Bad
}

// Bad is a copy of a page that a read has found bad: it fails its checksum, or cannot be
// read. It may have been spoiled on its way only.
type Bad struct {
	Page int64
	Copy slabmap.Place // one
}

// Note is something that an operator may want to know.
type Note struct {
	NoteKind
	Page  int64
	From  slabmap.Place // of a corrupt or forged page: the copy
	Donor uint16        // of a remote copy
	Errno unix.Errno    // of the backing file; 0: a short answer
}

// NoteKind is what a note is about. At most one is true of the first three; else the backing
// file failed.
type NoteKind struct {
	Corrupt    bool // a page failed its checksum
	Forged     bool // a page matches its checksum, and was not sealed by this device
	WrittenOut bool // a page was written as often as sealed pages can be
	Write      bool // the backing file failed to write
}

// NewNotes makes room for 64 notes, and 256 bad copies.
func NewNotes() *Notes {
	return &Notes{kick: make(chan struct{}, 1), notes: make(chan Note, 64), bad: make(chan Bad, 256)}
}

// Kick has one slot. It is filled when a slab is wanted at a donor before the second is
// over.
func (n *Notes) Kick() <-chan struct{} { return n.kick }

// All are the notes in the order in which queues left them.
func (n *Notes) All() <-chan Note { return n.notes }

// Bad are the copies that were found bad. One that finds no room is noted again by the next
// read that meets it.
func (n *Notes) Bad() <-chan Bad { return n.bad }

// WriteWaits reports whether a write has asked for a mapping since the last call, because
// it cannot go on without one. Then every slab that was touched is wanted, hot or not.
func (n *Notes) WriteWaits() bool { return n.waits.Swap(false) }

func (n *Notes) writeWaits() {
	if !n.waits.Load() {
		n.waits.Store(true)
	}
	n.needMapping()
}

func (n *Notes) needMapping() {
	select {
	case n.kick <- struct{}{}:
	default:
	}
}

// Corrupt notes that a copy of a page fails its checksum. donor is whose copy it is, if
// from is slabmap.Remote.
func (n *Notes) Corrupt(page int64, from slabmap.Place, donor uint16) {
	n.leave(Note{NoteKind: NoteKind{Corrupt: true}, Page: page, From: from, Donor: donor})
	n.leaveBad(page, from)
}

// Forged notes that somebody has made up a copy of a page. donor is whose copy it is, if from
// is slabmap.Remote.
func (n *Notes) Forged(page int64, from slabmap.Place, donor uint16) {
	n.leave(Note{NoteKind: NoteKind{Forged: true}, Page: page, From: from, Donor: donor})
}

// writtenOut notes that a page takes no more writes.
func (n *Notes) writtenOut(page int64) {
	n.leave(Note{NoteKind: NoteKind{WrittenOut: true}, Page: page})
}

// leaveBad notes a copy that is to be looked at, without telling anybody.
func (n *Notes) leaveBad(page int64, copy slabmap.Place) {
	select {
	case n.bad <- Bad{page, copy}:
	default:
	}
}

func (n *Notes) backingFailed(kind partKind, res int32) {
	note := Note{NoteKind: NoteKind{Write: kind != readBacking && kind != readTwice}}
	if res < 0 {
		note.Errno = unix.Errno(-res)
	}
	n.leave(note)
}

func (n *Notes) leave(note Note) {
	select {
	case n.notes <- note:
	default:
	}
}
