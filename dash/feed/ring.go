package feed

// ring keeps the last entries of those that were added, at most most of them. It numbers
// entries from 1.
type ring[T any] struct {
	most  int
	items []T
	next  int    // where the next one goes once there are most
	added uint64 // in all
}

// add appends an entry. Without room for it, the oldest entry goes.
func (r *ring[T]) add(v T) {
	r.added++
	if len(r.items) < r.most {
		r.items = append(r.items, v)
		return
	}
	r.items[r.next] = v
	r.next = (r.next + 1) % r.most
}

// after copies the last limit entries with numbers above seq, oldest first.
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

// journal keeps the last entries of a server's list. The server numbers them from 1, and
// each answer has the end of the list. The journal gives entries numbers of its own, which
// go on after a restart of the server.
type journal[T any] struct {
	ring[T]
	last   uint64 // the server's number of the newest
	missed uint64 // entries that left the server's list between two answers
	begun  bool   // there was an answer: entries that it did not have are older than this feed
}

// take adds the new entries of an answer; number reads an entry's number.
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

// restart prepares for a server whose numbers begin again.
func (j *journal[T]) restart() { j.last = 0 }
