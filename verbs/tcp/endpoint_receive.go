package tcp

import (
	"github.com/farswap/farswap/offheap"
	"github.com/farswap/farswap/verbs"
)

// inbox is a buffer of received bytes that have not been understood yet: those
// from r to w.
type inbox struct {
	buf  []byte
	r, w int
}

func (b *inbox) bytes() []byte { return b.buf[b.r:b.w] }
func (b *inbox) room() int     { return len(b.buf) - b.w }
func (b *inbox) space() []byte { return b.buf[b.w:] }
func (b *inbox) filled(n int)  { b.w += n }

// take removes n bytes from the front.
func (b *inbox) take(n int) {
	b.r += n
	if b.r == b.w {
		b.r, b.w = 0, 0
	}
}

// compact moves what there is to the front, so that all room is behind it.
func (b *inbox) compact() {
	b.w = copy(b.buf, b.bytes())
	b.r = 0
}

// batch is the batch being carried out.
type batch struct {
	ops    [maxBatchOps]opHeader
	n      int    // operations; 0 between batches
	next   int    // the operation to be carried out next
	got    int    // bytes of its payload that are in place
	landed int    // bytes beyond that the last receive has put in place
	seq    uint64 // of the first operation of the next batch
}

// begin reads a batch's headers from in. False means that they are not all
// there yet.
func (b *batch) begin(in *inbox) (bool, error) {
	have := in.bytes()
	if len(have) < batchSize {
		return false, nil
	}
	n, payload, err := parseBatch(have)
	if err != nil {
		return false, err
	}
	size := batchSize + n*opSize
	if len(have) < size {
		return false, nil
	}
	if err := parseOps(have[batchSize:], b.ops[:n], payload, b.seq); err != nil {
		return false, err
	}
	in.take(size)
	b.n, b.next, b.got, b.landed = n, 0, 0, 0
	b.seq += uint64(n)
	return true, nil
}

// work carries out what it can: until bytes are missing, or there is no place
// for one more reply, or an operation is refused.
func (e *endpoint) work() error {
	b := &e.batch
	for {
		if b.n == 0 {
			if ok, err := b.begin(&e.inbox); !ok {
				return err
			}
			e.grants.heard.Add(1)
		}
		for b.next < b.n {
			if e.ready-e.sent > e.mask {
				return nil
			}
			op := &b.ops[b.next]
			mem := e.resolve(op)
			if mem == nil {
				e.worker.counters.accessErrors.Add(1)
				e.reply(replyRemoteAccess, op, nil)
				e.closing = true
				return nil
			}
			if op.op == verbs.OpWrite {
				if !e.fill(mem) {
					return nil
				}
				mem = nil
			}
			e.reply(replyOK, op, mem)
			b.next++
			b.got = 0
		}
		b.n = 0
	}
}

// fill brings the payload of the operation at hand into mem, and says whether
// it is complete.
func (e *endpoint) fill(mem []byte) bool {
	b := &e.batch
	k := min(b.landed, len(mem)-b.got)
	b.landed -= k
	b.got += k
	k = copy(mem[b.got:], e.inbox.bytes())
	e.inbox.take(k)
	b.got += k
	return b.got == len(mem)
}

// resolve returns the lent memory that op names, or nil if the session may not
// touch it. Every operation comes through here each time that it is looked at.
func (e *endpoint) resolve(op *opHeader) []byte {
	mem := e.grants.regions[op.key]
	size, n := uint64(len(mem)), uint64(op.length)
	if op.offset > size || n > size-op.offset {
		return nil
	}
	return mem[op.offset : op.offset+n : op.offset+n]
}

// startReceive receives what the endpoint has to wait for: payload straight into
// lent memory with the next headers behind it, or headers.
func (e *endpoint) startReceive() {
	b := &e.batch
	if e.receiving || e.closing || e.err != nil {
		return
	}
	if b.next < b.n && e.ready-e.sent > e.mask {
		return // until replies have been sent
	}
	w := e.worker
	e.receiving = true
	e.inFlight++
	if b.n == 0 {
		e.landing = false
		e.inbox.compact()
		space := e.inbox.space()
		w.loop.SQE(w.class, e.id(idReceive)).Recv(e.fd, offheap.Pointer(space), uint32(len(space)), 0)
		return
	}
	e.landing = true
	e.scatter()
	w.loop.SQE(w.class, e.id(idReceive)).RecvMsg(e.fd, e.recv.header(), 0)
}

// scatter lays the payload that is missing over the lent memory it belongs in,
// and the inbox behind it.
// Preconditions: a payload is missing, so the inbox is empty.
func (e *endpoint) scatter() {
	b := &e.batch
	e.recv.reset()
	got := b.got
	for i := b.next; i < b.n; i++ {
		mem := e.resolve(&b.ops[i])
		if mem == nil {
			// It will be refused when its turn comes, and nothing behind it may
			// be carried out.
			break
		}
		if b.ops[i].op == verbs.OpWrite {
			e.recv.add(mem[got:])
			got = 0
		}
	}
	e.recv.add(e.inbox.space())
}

// arrived accounts for n bytes that a receive has brought.
func (e *endpoint) arrived(n int) {
	if e.landing {
		e.batch.landed = min(n, e.recv.len-e.inbox.room())
		n -= e.batch.landed
	}
	e.inbox.filled(n)
}
