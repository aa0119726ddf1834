package path

// lent is the spare buffers that parts keep whose requests were answered without them,
// because a donor was late, and those that late reads are read to a second time. A quarter
// of the spare buffers is not lent: so a donor that stalls leaves it to writes.
type lent struct {
	n, most int
	users   []uint16 // by buffer: parts whose requests were answered
}

func (l *lent) init(buffers, spare int) {
	*l = lent{most: max(1, spare-spare/4), users: make([]uint16, buffers)}
}

// borrow takes a spare buffer, if one may be lent.
func (q *queue) borrow() (buf int, ok bool) {
	if q.lent.n >= q.lent.most {
		return 0, false
	}
	if buf, ok = q.kernel.TakeSpare(); ok {
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
