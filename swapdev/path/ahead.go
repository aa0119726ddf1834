package path

import "github.com/farswap/farswap/slabmap"

const (
	// prefetchRuns is how many runs of pages a queue keeps at most, each in a spare buffer:
	// so many writes fewer can be answered while the backing file works. At least half of
	// the spare buffers are left to writes.
	prefetchRuns = 8
	// streams is how many readers in order a queue tells apart. Two threads that scan
	// share a queue, and each read of one comes between two of the other: a majority of
	// the last steps, as Leap (ATC 2020) goes by, would see neither.
	streams = 8
	// streamProof is how many requests must follow on one another before pages are
	// fetched ahead of them.
	streamProof = 2
	// prefetchLeast is the pages of a stream's first run; each one has twice as many as
	// the one before, up to a buffer.
	prefetchLeast = 8
)

// ahead is what a queue has fetched ahead of its readers, and which readers it sees.
type ahead struct {
	on      bool
	perTag  int // pages of a buffer
	runs    []run
	views   []slabmap.View // by run and page
	streams [streams]stream
	clock   uint64 // counts uses, to find who was used least recently
	coming  int    // runs on their way
}

// run is a run of pages in a spare buffer.
type run struct {
	buf    int // valid if pages > 0
	first  int64
	pages  int // 0: free
	donor  uint16
	coming bool
	used   uint64
}

// stream is a reader that goes through the device in order.
type stream struct {
	next  int64 // page after the last request
	ahead int64 // page after what was fetched for it
	proof int   // requests that followed on one another
	size  int   // pages of the next run
	used  uint64
}

func (a *ahead) init(on bool, perTag, spare int) {
	a.on, a.perTag = on, perTag
	a.runs = make([]run, max(1, min(prefetchRuns, spare/2)))
	a.views = make([]slabmap.View, len(a.runs)*perTag)
}

// viewsOf are the pages of run i as they were when it was fetched.
func (a *ahead) viewsOf(i int) []slabmap.View {
	return a.views[i*a.perTag : (i+1)*a.perTag]
}

// find returns the run with page, nobody if there is none.
func (a *ahead) find(page int64) int {
	for i := range a.runs {
		if r := &a.runs[i]; page >= r.first && page < r.first+int64(r.pages) {
			return i
		}
	}
	return int(nobody)
}

// idle returns the free run, or else the run of longest ago that is not on its way; nobody
// if all are on their way.
func (a *ahead) idle() int {
	found := int(nobody)
	for i := range a.runs {
		switch r := &a.runs[i]; {
		case r.pages == 0:
			return i
		case r.coming, found >= 0 && a.runs[found].used <= r.used:
		default:
			found = i
		}
	}
	return found
}

// stream finds the stream that a request is part of: the request begins where the
// stream's last one ended, or a little later. Otherwise it begins a new stream, in the
// place of the one that was not used for longest.
func (a *ahead) stream(page int64, pages int) *stream {
	oldest := &a.streams[0]
	for i := range a.streams {
		s := &a.streams[i]
		if s.used > 0 && page >= s.next && page <= s.next+int64(pages) {
			s.proof++
			s.used = a.clock
			return s
		}
		if s.used < oldest.used {
			oldest = s
		}
	}
	*oldest = stream{used: a.clock, size: min(prefetchLeast, a.perTag)}
	return oldest
}
