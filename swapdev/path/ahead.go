package path

import (
	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/swapdev/readahead"
)

// prefetchRuns is how many runs of pages a queue keeps at most, each in a spare buffer: two
// for each of 8 readers. So many writes fewer can be answered while the backing file works. At
// least half of the spare buffers are left to writes.
const prefetchRuns = 16

// ahead is what a queue has fetched ahead of its readers, and which readers it sees.
type ahead struct {
	on       bool
	detector readahead.Detector
	wanted   uint   // streams that were read in this pass, a bit each
	short    bool   // a request of this pass has found no spare buffer
	perTag   int    // pages of a buffer
	clock    uint64 // counts reads, to find the run that was used least recently
	runs     []run
	kept     int            // runs that are not free
	coming   int            // parts on their way
	views    []slabmap.View // by run and page
}

// run is a number of pages at equal distances, in a spare buffer.
type run struct {
	buf    int // valid if pages > 0
	first  int64
	step   int64 // from one page to the next one, 1 or more
	end    int64 // beyond the last page
	pages  int   // 0: free
	left   int   // pages that have not been used
	coming int   // parts on their way
	failed bool  // one of them did not come
	donor  uint16
	used   uint64
}

func (a *ahead) init(on bool, pages int64, perTag, spare int) {
	a.on, a.perTag = on, perTag
	a.runs = make([]run, max(1, min(prefetchRuns, spare/2)))
	a.views = make([]slabmap.View, len(a.runs)*perTag)
	a.detector.Init(pages, perTag, len(a.runs))
}

// viewsOf are the pages of run i as they were when it was fetched.
func (a *ahead) viewsOf(i int) []slabmap.View {
	return a.views[i*a.perTag : (i+1)*a.perTag]
}

// find returns the run with page, and the place of the page in it; nobody if there is none.
func (a *ahead) find(page int64) (i, at int) {
	if a.kept == 0 {
		return int(nobody), 0
	}
	for i := range a.runs {
		r := &a.runs[i]
		if page < r.first || page >= r.end {
			continue
		}
		off := page - r.first
		if r.step == 1 {
			return i, int(off)
		}
		if off%r.step == 0 {
			return i, int(off / r.step)
		}
	}
	return int(nobody), 0
}

// idle returns the free run, or else the run of longest ago that is not on its way; nobody
// if all are on their way.
func (a *ahead) idle() int {
	found := int(nobody)
	for i := range a.runs {
		switch r := &a.runs[i]; {
		case r.pages == 0:
			return i
		case r.coming > 0, found >= 0 && a.runs[found].used <= r.used:
		default:
			found = i
		}
	}
	return found
}
