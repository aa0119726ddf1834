package path

// lent is the spare buffers that parts keep whose requests were answered without them, and
// those that late reads are read to a second time. A quarter of the spare buffers is not
// lent: so a donor that stalls leaves it to writes.
type lent struct {
	n     int
	most  int      // for requests of donors that are late
	early int      // for writes of which the backing file was faster than the donor
	users []uint16 // by buffer: parts whose requests were answered
}

// init lends little before a donor is late. Every tag may wait for a donor when it stops,
// and each needs a buffer to go on without it. With a spare buffer for each tag, and none
// of them in other use, half of the tags go on.
func (l *lent) init(buffers, spare int) {
	*l = lent{most: max(1, spare-spare/4), early: max(1, spare/4), users: make([]uint16, buffers)}
}

// borrow takes a spare buffer, if fewer than most are lent.
func (q *queue) borrow(most int) (buf int, ok bool) {
	if q.lent.n >= most {
		return 0, false
	}
	if buf, ok = q.takeSpare(); ok {
		q.lent.n++
	}
	return buf, ok
}

// giveBack makes a borrowed buffer spare again.
func (q *queue) giveBack(buf int) {
	q.lent.n--
	q.kernel.Release(buf)
}

// orphan takes a part from its request, which is answered without it. The part keeps its
// buffer, which was borrowed.
func (q *queue) orphan(id int32) *part {
	p := &q.parts.all[id]
	p.tag = nobody
	q.lent.users[p.buf]++
	return p
}

// letGo ends the use of a buffer by a part that orphan has taken from its request.
func (q *queue) letGo(buf int) {
	q.lent.users[buf]--
	if q.lent.users[buf] == 0 {
		q.giveBack(buf)
	}
}
