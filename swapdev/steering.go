package swapdev

import (
	"context"
	"sync"
	"time"

	"github.com/farswap/farswap/internal/loghist"
	"github.com/farswap/farswap/slabmap"
)

// steering judges the donors once a period by the latency of their reads, and has
// slabs leave slow ones. Its methods may be called from any goroutine, except run.
type steering struct {
	engine *engine
	acts   bool // the placement goes by latency; else donors are measured only
	source latencySource
	log    decisions

	mu     sync.Mutex // guards judge and tested; never held across I/O
	judge  *slabmap.Judge
	tested map[uint16]*loghist.Histogram // test reads since the last period
}

func newSteering(e *engine) *steering {
	return &steering{
		engine: e, acts: e.cfg.Placement == PlacementLatency, source: newLinkLatency(e),
		judge: slabmap.NewJudge(e.cfg.Judge), tested: make(map[uint16]*loghist.Histogram),
	}
}

func (s *steering) run(ctx context.Context) {
	ticker := time.NewTicker(s.engine.cfg.Period)
	defer ticker.Stop()
	last := time.Now()
	var before []loghist.Histogram
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			sums, ok := s.source.reads()
			if !ok {
				continue // a queue did not answer: the next period takes it all
			}
			s.period(ctx, now.Sub(last), since(sums, before))
			last, before = now, sums
		}
	}
}

// since is what has come to each donor's reads. There may be more donors than before.
func since(sums, before []loghist.Histogram) []loghist.Histogram {
	grown := make([]loghist.Histogram, len(sums))
	for i := range sums {
		if i < len(before) {
			grown[i] = sums[i].Since(&before[i])
		} else {
			grown[i] = sums[i]
		}
	}
	return grown
}

// period judges, and orders what follows from it.
func (s *steering) period(ctx context.Context, took time.Duration, latency []loghist.Histogram) {
	before := s.slow()
	leave, test := s.judgeAll(took, latency)
	s.logChanges(before, s.slow())
	if !s.acts {
		return
	}
	for _, h := range leave {
		s.engine.moves.leave(h.Slab, h.Donor)
	}
	for _, donor := range test {
		s.engine.moves.test(donor)
	}
	s.engine.tests.releaseAll(ctx, func(donor uint16) bool { return !s.verdict(donor).Slow })
}

// judgeAll ends the judge's period. It returns the slabs that are to leave their donors,
// and the donors that are to be read from.
func (s *steering) judgeAll(took time.Duration, latency []loghist.Histogram) (leave []slabmap.Held, test []uint16) {
	held := s.engine.held()
	pending := s.engine.moves.leaving()
	s.mu.Lock()
	defer s.mu.Unlock()
	var reads []slabmap.Reads
	for _, d := range s.engine.donors.all() {
		if _, up := d.up(); !up {
			continue
		}
		r := slabmap.Reads{Donor: d.id}
		if int(d.id) < len(latency) {
			r.Latency = &latency[d.id]
		}
		reads = append(reads, r)
		if t := s.tested[d.id]; t != nil {
			reads = append(reads, slabmap.Reads{Donor: d.id, Latency: t, Test: true})
		}
	}
	clear(s.tested)
	s.judge.Period(took.Seconds(), reads)
	if !s.acts {
		return nil, nil
	}
	return s.judge.Relocate(held, pending), s.judge.Tests()
}

// held are the slabs that are mapped, and not moving.
func (e *engine) held() []slabmap.Held {
	var held []slabmap.Held
	for i := range e.pages.Geometry().Slabs() {
		if s := e.pages.Slab(i); s.State == slabmap.Mapped {
			held = append(held, slabmap.Held{Slab: i, Donor: s.Donor, Activity: e.pages.Activity(i)})
		}
	}
	return held
}

// slow are the verdicts on donors that are slow.
func (s *steering) slow() map[uint16]slabmap.Verdict {
	slow := map[uint16]slabmap.Verdict{}
	for _, d := range s.engine.donors.all() {
		if v := s.verdict(d.id); v.Slow {
			slow[d.id] = v
		}
	}
	return slow
}

// logChanges says which donors have become slow, and which are well again.
func (s *steering) logChanges(before, now map[uint16]slabmap.Verdict) {
	for id, v := range now {
		if _, was := before[id]; !was {
			s.engine.cfg.Log.Warn().Str("donor", s.engine.donors.get(id).address).
				Stringer("p99", micros(time.Duration(v.P99))).Stringer("baseline", micros(time.Duration(v.Baseline))).
				Msg("donor is slow: it gets no new slabs, and its hottest move away")
		}
	}
	for id := range before {
		if _, is := now[id]; !is {
			s.engine.cfg.Log.Info().Str("donor", s.engine.donors.get(id).address).
				Stringer("p99", micros(time.Duration(s.verdict(id).P99))).Msg("donor is well again")
		}
	}
}

// weigh completes a candidate with what is known of its latency.
func (s *steering) weigh(c slabmap.Candidate) slabmap.Candidate {
	if !s.acts {
		return c
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.judge.Weigh(c)
}

// verdict is what is known of a donor. Nothing is slow where that changes nothing.
func (s *steering) verdict(donor uint16) slabmap.Verdict {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.judge.Verdict(donor)
	v.Slow = v.Slow && s.acts
	return v
}

// placed, moved, refused and returned tell the judge what has become of its donors and
// slabs.
func (s *steering) placed(donor uint16) { s.mu.Lock(); defer s.mu.Unlock(); s.judge.Placed(donor) }
func (s *steering) moved(slab int)      { s.mu.Lock(); defer s.mu.Unlock(); s.judge.Moved(slab) }
func (s *steering) refused(slab int)    { s.mu.Lock(); defer s.mu.Unlock(); s.judge.Refused(slab) }
func (s *steering) returned(donor uint16, otherwise bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.judge.Returned(donor, otherwise)
}

// testsDone takes up test reads of a donor.
func (s *steering) testsDone(donor uint16, reads *loghist.Histogram) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tested[donor] == nil {
		s.tested[donor] = &loghist.Histogram{}
	}
	s.tested[donor].Add(reads)
}
