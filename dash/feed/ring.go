package feed

// ring keeps the last most of what was added, numbered from 1.
type ring[T any] struct {
	most  int
	items []T
	next  int    // where the next one goes once there are most
	added uint64 // in all
}

// add appends one; the oldest goes when there is no room.
func (r *ring[T]) add(v T) {
	r.added++
	if len(r.items) < r.most {
		r.items = append(r.items, v)
		return
	}
	r.items[r.next] = v
	r.next = (r.next + 1) % r.most
}

// after copies those with numbers above seq, oldest first, the last limit of them.
func (r *ring[T]) after(seq uint64, limit int) []T {
	if seq >= r.added {
		return nil
	}
	n := int(min(r.added-seq, uint64(len(r.items)), uint64(max(limit, 0))))
	out := make([]T, 0, n)
	for i := len(r.items) - n; i < len(r.items); i++ {
		out = append(out, r.items[(r.next+i)%len(r.items)])
	}
	return out
}

// journal keeps the last entries of a list that a server numbers from 1 and of which each
// answer has the end. Entries get numbers of their own, which go on after a restart.
type journal[T any] struct {
	ring[T]
	last   uint64 // the server's number of the newest
	missed uint64 // entries that left the server's list between two answers
	begun  bool   // there was an answer: what it did not have is older than this feed
}

// take adds what is new in an answer; number reads an entry's number.
func (j *journal[T]) take(entries []T, number func(*T) uint64) {
	for i := range entries {
		n := number(&entries[i])
		if n <= j.last {
			continue
		}
		if j.begun {
			j.missed += n - j.last - 1
		}
		j.begun, j.last = true, n
		j.add(entries[i])
	}
	j.begun = true
}

// restart is told when the server's numbers begin again.
func (j *journal[T]) restart() { j.last = 0 }
