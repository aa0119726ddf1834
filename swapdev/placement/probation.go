package placement

import (
	"sync"
	"time"

	"github.com/farswap/farswap/slabmap"
)

// ProbationTime is how long a donor gets no slab after a forged copy of a page has come from
// it. It is long beside the seconds in which the slabs leave it, so that a donor that forges
// gets some only now and then, and short enough for one to come back that has been put in
// order.
const ProbationTime = 10 * time.Minute

// probation is which donors are on probation, and until when. Its methods may be called from
// any goroutine.
type probation struct {
	mu    sync.Mutex // guards until
	until map[uint16]time.Time
}

// begin puts a donor on probation, or begins its probation anew.
func (p *probation) begin(donor uint16, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.until == nil {
		p.until = make(map[uint16]time.Time)
	}
	p.until[donor] = now.Add(ProbationTime)
}

// on reports whether a donor is on probation.
func (p *probation) on(donor uint16, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return now.Before(p.until[donor])
}

// Distrust puts a donor on probation: a forged copy of a page has come from it.
func (s *Steering) Distrust(donor uint16) { s.probation.begin(donor, time.Now()) }

// Distrusted reports whether a donor is on probation.
func (s *Steering) Distrusted(donor uint16) bool { return s.probation.on(donor, time.Now()) }

// trusted are the candidates that are not on probation. A device without a backing file takes
// the others, too, if there are no more: its writes have no other place.
func (s *Steering) trusted(cands []slabmap.Candidate) []slabmap.Candidate {
	var good []slabmap.Candidate
	for _, c := range cands {
		if !s.Distrusted(c.Donor) {
			good = append(good, c)
		}
	}
	if len(good) == 0 && !s.cfg.Backing {
		return cands
	}
	return good
}
