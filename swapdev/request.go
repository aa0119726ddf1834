package swapdev

import (
	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/ublk"
)

// request is what a tag is about.
type request struct {
	op     ublk.Op
	parked bool
	errno  unix.Errno // answered when all parts have ended, unless 0
	page   int64      // the first
	pages  int
	begun  int64 // loop time
	cursor int   // write: pages claimed; discard: pages forgotten
	left   int   // parts in flight

	times    times
	parkedAt int64  // loop time, while parked
	fetched  bool   // parked for a page that is being fetched ahead
	fetcher  uint16 // the donor that it comes from

	// Writes.
	started    bool // the parts have been made
	remoteLeft int  // parts on their way to donors
	missing    bool // some page of it has not reached a donor
	local      localCopy
	localPart  int32   // while localBusy
	held       [2]hold // slabs counted in
	holds      int

	// Flushes.
	target [maxQueues]uint64
}

// hold is a slab that a write is counted in at.
type hold struct {
	slab int
	at   slabmap.Slab
}

// maxQueues bounds the queues that a flush waits for.
const maxQueues = 64

// localCopy is how far a write's part for the backing file is.
type localCopy uint8

const (
	localNone localCopy = iota
	localBusy
	localDone
	localFailed
)

// pageState is what a request knows of one of its pages.
type pageState struct {
	done     bool          // read: its bytes are in the buffer
	inFlight bool          // read: a part is reading it
	remote   bool          // write: the donor has it
	avoid    slabmap.Place // read: copies found bad
	again    bool          // read: all were, and are tried once more
	crc      uint32        // write: of its bytes
	epoch    uint64        // write: of its slab when it was sent
	view     slabmap.View  // read: where it was when the part was made
}

// pagesOf are the states of a tag's pages.
func (q *queue) pagesOf(tag int) []pageState {
	first := tag * q.perTag
	return q.states[first : first+q.requests[tag].pages]
}

// bytes are a tag's buffer from page i to before page j of the request.
func (q *queue) bytes(tag, i, j int) []byte {
	return q.front.Buffer(tag)[i*slabmap.PageSize : j*slabmap.PageSize]
}

// partKind is what a part does.
type partKind uint8

const (
	readRemote partKind = iota + 1
	readBacking
	writeRemote
	writeBacking
	writeAcked // writeBacking, after its request was answered
	syncBacking
	prefetch // pages into a run of the prefetcher, whose number is in place of a tag
)

// part is one I/O: a run of a request's pages, from or to one place. Parts are
// named by their place in the table, in completions of every kind.
type part struct {
	kind  partKind
	tag   int32
	first int32 // page of the request
	pages int32
	next  int32 // the next free part, or the next in a link's waiting line
	slab  int32 // of a remote part
	donor uint16
	epoch uint64 // under which a remote part is counted in
	buf   int32  // writeAcked: the detached buffer; prefetch: the run's
	seq   uint64 // writeAcked: its place in the order of acknowledged writes
	page  int64  // writeAcked, prefetch: first page of the device
	begun int64  // loop time
}

const nobody int32 = -1 // end of a list of parts

func (q *queue) makeParts(n int) {
	q.parts = make([]part, n)
	q.freePart = nobody
	for i := range q.parts {
		q.freeThe(int32(i))
	}
}

// takePart returns a free part. There is always one: see openQueue.
func (q *queue) takePart(kind partKind, tag, first, pages int) (int32, *part) {
	id := q.freePart
	p := &q.parts[id]
	q.freePart = p.next
	*p = part{kind: kind, tag: int32(tag), first: int32(first), pages: int32(pages), next: nobody, begun: q.loop.Now()}
	return id, p
}

func (q *queue) freeThe(id int32) {
	q.parts[id].next = q.freePart
	q.freePart = id
}
