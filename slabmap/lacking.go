package slabmap

import "sync/atomic"

// lacking counts the pages that lack their backing copy. It is alone on its cache lines: queues write it when
// a backing file fails, and read the rest of the map all the time.
type lacking struct {
	_ [64]byte
	n atomic.Int64
	_ [56]byte
}

// Lacking is the number of written pages without a copy in the backing file, lost pages included. A page
// whose write is pending does not count; it counts from EndPending on, if the backing write has failed.
func (m *Map) Lacking() int64 { return m.lacking.n.Load() }

// lacks reports whether a page is written, and neither in the backing file nor on its way there.
func (w pageWord) lacks() bool { return w&(flagRemote|flagBacking|flagPending) == flagRemote }

// became counts a page whose word was w and is next.
func (l *lacking) became(w, next pageWord) {
	switch was, is := w.lacks(), next.lacks(); {
	case was && !is:
		l.n.Add(-1)
	case is && !was:
		l.n.Add(1)
	}
}
