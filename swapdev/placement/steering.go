package placement

import (
	"context"
	"sync"
	"time"

	"github.com/farswap/farswap/internal/loghist"
	"github.com/farswap/farswap/slabmap"
)

// Orders are what steering orders of the mover. They may be called from any goroutine.
type Orders struct {
	Leave    func(slab int, donor uint16) // moves a slab away from a slow donor
	Test     func(donor uint16)           // reads from a donor, to measure it
	Leaving  func() int                   // how many slabs leave slow donors now
	EndTests func(ctx context.Context, of func(donor uint16) bool)
}

// Steering judges the donors once a period by the latency of their reads, and orders slabs
// to leave slow ones. Its methods may be called from any goroutine, but for Run.
type Steering struct {
	// Decisions are those of mapper, mover and steering.
	Decisions Decisions
	// Orders and Source are constant once Run is called.
	Orders Orders
	Source LatencySource

	cfg  Config
	acts bool // the placement goes by latency; else donors are measured only

	probation probation

	mu     sync.Mutex // guards judge and tested; never held across I/O
	judge  *slabmap.Judge
	tested map[uint16]*loghist.Histogram // test reads since the last period
}

// NewSteering makes a steering that has measured nothing.
func NewSteering(cfg Config) *Steering {
	return &Steering{
		cfg: cfg, acts: cfg.Policy == Latency,
		judge: slabmap.NewJudge(cfg.Judge), tested: make(map[uint16]*loghist.Histogram),
	}
}

// Run judges until ctx ends.
func (s *Steering) Run(ctx context.Context) {
	ticker := time.NewTicker(s.cfg.Period)
	defer ticker.Stop()
	last := time.Now()
	var before []loghist.Histogram
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			sums, ok := s.Source.Reads()
			if !ok {
				continue // a queue did not answer: the next period takes it all
			}
			s.period(ctx, now.Sub(last), since(sums, before))
			last, before = now, sums
		}
	}
}

// since returns the reads of each donor that are new since before. There may be more
// donors than before.
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
func (s *Steering) period(ctx context.Context, took time.Duration, latency []loghist.Histogram) {
	before := s.slow()
	leave, test := s.judgeAll(took, latency)
	s.logChanges(before, s.slow())
	if !s.acts {
		return
	}
	for _, h := range leave {
		s.Orders.Leave(h.Slab, h.Donor)
	}
	for _, donor := range test {
		s.Orders.Test(donor)
	}
	s.Orders.EndTests(ctx, func(donor uint16) bool { return !s.Verdict(donor).Slow })
}

// judgeAll ends the judge's period. It returns the slabs that are to leave their donors,
// and the donors that need test reads.
func (s *Steering) judgeAll(took time.Duration, latency []loghist.Histogram) (leave []slabmap.Held, test []uint16) {
	held := held(s.cfg.Pages)
	pending := s.Orders.Leaving()
	s.mu.Lock()
	defer s.mu.Unlock()
	var reads []slabmap.Reads
	for _, d := range s.cfg.Donors.All() {
		if _, up := d.Up(); !up {
			continue
		}
		r := slabmap.Reads{Donor: d.ID()}
		if int(d.ID()) < len(latency) {
			r.Latency = &latency[d.ID()]
		}
		reads = append(reads, r)
		if t := s.tested[d.ID()]; t != nil {
			reads = append(reads, slabmap.Reads{Donor: d.ID(), Latency: t, Test: true})
		}
	}
	clear(s.tested)
	s.judge.Period(took.Seconds(), reads)
	if !s.acts {
		return nil, nil
	}
	return s.judge.Relocate(held, pending), s.judge.Tests()
}

// slow are the verdicts on donors that are slow.
func (s *Steering) slow() map[uint16]slabmap.Verdict {
	slow := map[uint16]slabmap.Verdict{}
	for _, d := range s.cfg.Donors.All() {
		if v := s.Verdict(d.ID()); v.Slow {
			slow[d.ID()] = v
		}
	}
	return slow
}

// logChanges says which donors have become slow, and which are well again.
func (s *Steering) logChanges(before, now map[uint16]slabmap.Verdict) {
	for id, v := range now {
		if _, was := before[id]; !was {
			s.cfg.Log.Warn().Str("donor", s.cfg.Donors.Get(id).Address()).
				Stringer("p99", micros(time.Duration(v.P99))).Stringer("baseline", micros(time.Duration(v.Baseline))).
				Msg("donor is slow: it gets no new slabs, and its hottest move away")
		}
	}
	for id := range before {
		if _, is := now[id]; !is {
			s.cfg.Log.Info().Str("donor", s.cfg.Donors.Get(id).Address()).
				Stringer("p99", micros(time.Duration(s.Verdict(id).P99))).Msg("donor is well again")
		}
	}
}

// weigh completes a candidate with what is known of its latency.
func (s *Steering) weigh(c slabmap.Candidate) slabmap.Candidate {
	if !s.acts {
		return c
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.judge.Weigh(c)
}

// Verdict is what is known of a donor. No donor is slow under the policy Paper, which does
// not act on it.
func (s *Steering) Verdict(donor uint16) slabmap.Verdict {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.judge.Verdict(donor)
	v.Slow = v.Slow && s.acts
	return v
}

// Placed tells the judge that a donor got a slab.
func (s *Steering) Placed(donor uint16) { s.mu.Lock(); defer s.mu.Unlock(); s.judge.Placed(donor) }

// Moved tells the judge that a slab has moved.
func (s *Steering) Moved(slab int) { s.mu.Lock(); defer s.mu.Unlock(); s.judge.Moved(slab) }

// Refused tells the judge that no donor took a slab that was to leave a slow one.
func (s *Steering) Refused(slab int) { s.mu.Lock(); defer s.mu.Unlock(); s.judge.Refused(slab) }

// Returned tells the judge that a donor is connected again, and whether over another
// transport than before.
func (s *Steering) Returned(donor uint16, otherTransport bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.judge.Returned(donor, otherTransport)
}

// Tested adds test reads of a donor.
func (s *Steering) Tested(donor uint16, reads *loghist.Histogram) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tested[donor] == nil {
		s.tested[donor] = &loghist.Histogram{}
	}
	s.tested[donor].Add(reads)
}

// FigureOf is what is known of a donor without asking it.
func (s *Steering) FigureOf(donor uint16) Figure {
	v := s.Verdict(donor)
	return Figure{donor: donor, slow: v.Slow, free: notAsked, Verdict: v}
}

// figures are those of the donors that answered, the chosen one first.
func (s *Steering) figures(chosen uint16, answers []slabmap.Candidate) []Figure {
	all := make([]Figure, 1, len(answers))
	for _, a := range answers {
		f := s.FigureOf(a.Donor)
		if a.Total > 0 {
			f.free = float32(float64(a.Free) / float64(a.Total))
		}
		if a.Donor == chosen {
			all[0] = f
		} else {
			all = append(all, f)
		}
	}
	return all
}
