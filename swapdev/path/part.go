package path

// partKind is what a part does.
type partKind uint8

const (
	readRemote partKind = iota + 1
	readBacking
	readTwice // reads from the backing file, into a spare buffer, what a donor is late with
	writeRemote
	writeLate // writeRemote, after its request was answered
	writeBacking
	writeAcked // writeBacking, after its request was answered
	writeKept  // writeAcked, again: see kept.go
	syncBacking
	prefetch // reads pages into a run that is fetched ahead; the run's number stands for the tag
)

// part is one I/O: a run of a request's pages, from or to one place. Its place in the
// table is its name, in completions of every kind.
type part struct {
	kind  partKind
	tag   int32 // nobody: its request was answered without it
	first int32 // page of the request
	pages int32
	next  int32 // the next free part, or the next in a link's line
	slab  int32 // of a remote part
	donor uint16
	epoch uint64 // under which a remote part is counted in
	buf   int32  // number of the buffer with its bytes
	seq   uint64 // writeAcked, writeKept: its place in the order of acknowledged writes
	page  int64  // the same, and remote parts: first page of the device
	begun int64  // loop time; writeKept: when it was kept first
}

const nobody int32 = -1 // end of a list of parts

// parts is the table of a queue's parts.
type parts struct {
	all  []part
	free int32 // head of the free list
}

func (t *parts) init(n int) {
	t.all, t.free = make([]part, n), nobody
	for i := range t.all {
		t.release(int32(i))
	}
}

// take returns a free part. There always is one: see Open.
func (t *parts) take(kind partKind, tag, first, pages, buf int, now int64) (int32, *part) {
	id := t.free
	p := &t.all[id]
	t.free = p.next
	*p = part{kind: kind, tag: int32(tag), first: int32(first), pages: int32(pages), buf: int32(buf), next: nobody, begun: now}
	return id, p
}

func (t *parts) release(id int32) {
	t.all[id].next = t.free
	t.free = id
}

// line is a row of parts, first come, first served.
type line struct{ first, last int32 }

func newLine() line { return line{nobody, nobody} }

func (l *line) empty() bool { return l.first == nobody }

func (l *line) push(t *parts, id int32) {
	if l.first == nobody {
		l.first = id
	} else {
		t.all[l.last].next = id
	}
	l.last = id
}

// pop takes the first part of a line that is not empty.
func (l *line) pop(t *parts) int32 {
	id := l.first
	l.first = t.all[id].next
	t.all[id].next = nobody
	return id
}
