package path

// freeRun returns a free run, if need be that of longest ago; nobody if all are on their
// way.
func (q *queue) freeRun() int {
	i := q.ahead.idle()
	if i >= 0 && q.ahead.runs[i].pages > 0 {
		q.forgetRun(i)
	}
	return i
}

// forgetRun frees run i, which is not on its way.
func (q *queue) forgetRun(i int) {
	q.kernel.Release(q.ahead.runs[i].buf)
	q.ahead.runs[i] = run{}
	q.ahead.kept--
}

// takeSpare takes a spare buffer, and if there is none, that of a run.
func (q *queue) takeSpare() (buf int, ok bool) {
	if buf, ok = q.kernel.TakeSpare(); !ok && q.shedRun() {
		buf, ok = q.kernel.TakeSpare()
	}
	return buf, ok
}

// shedRun gives up one buffer for a request that has found none, if there is one. Nothing more
// is fetched ahead in this pass.
func (q *queue) shedRun() bool {
	q.ahead.short = true
	for i := range q.ahead.runs {
		if r := &q.ahead.runs[i]; r.pages > 0 && r.coming == 0 {
			q.forgetRun(i)
			return true
		}
	}
	return false
}
