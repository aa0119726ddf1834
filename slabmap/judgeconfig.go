package slabmap

import (
	"errors"
	"fmt"
	"math"
)

// ErrJudge means that a field of a JudgeConfig is out of range.
var ErrJudge = errors.New("unusable judgement of latency")

// Defaults of a JudgeConfig.
const (
	DefaultFactor   = 4.0
	DefaultMargin   = 2.0
	DefaultPeriods  = 3
	DefaultRate     = 8
	DefaultMinReads = 100
	DefaultFloor    = 250e3 // nanoseconds: a fast disk takes as long, and a busy scheduler adds as much
)

// Constants of a judge. They assume periods of about five seconds.
const (
	maxMoves    = 2     // moves of a slab within moveWindow
	moveWindow  = 600.0 // seconds
	carryMost   = 6     // periods over which the judge adds up reads until they are enough
	few         = 5     // MinReads / few reads are enough to find a donor slow if their median is too long
	parole      = 6     // periods without a measurement after which a slow donor gets one slab to show how it is
	warmUp      = 6     // measurements until there is a baseline
	remembered  = 60    // measurements from which the judge computes a baseline
	needMost    = 8     // times Periods: longest time that a donor must be well before it gets slabs again
	refusalRest = 12    // periods before the judge tries a slab again that no donor took

	// Largest rise of a baseline in one period: a tenth when the other donors became as slow, and
	// otherwise a rise to twice in an hour of five-second periods.
	riseTogether = 1.1
	riseAlone    = 1.00096
)

// JudgeConfig says when a donor is slow and how fast slabs leave it. A zero field takes its default.
type JudgeConfig struct {
	Factor   float64 // K: a donor is slow if its p99 is above K × its baseline; above 1; default 4
	Margin   float64 // and above Margin × the p99 of the best other donor; at least 1; default 2
	Periods  int     // in so many periods in a row; default 3
	Rate     int     // slabs that leave slow donors per period at most; default 8
	MinReads int     // reads for a p99 at least; default 100
	Floor    int64   // nanoseconds up to which a p99 is never slow; default 0.25 ms
	Hot      float64 // page I/Os per second from which a slab is worth moving; default HotSlab
}

// Validate returns an error wrapping ErrJudge if a field is out of range.
func (c JudgeConfig) Validate() error {
	switch {
	case c.Factor != 0 && !(c.Factor > 1 && c.Factor <= 1000):
		return fmt.Errorf("factor %g of the baseline: %w: want more than 1, at most 1000", c.Factor, ErrJudge)
	case c.Margin != 0 && !(c.Margin >= 1 && c.Margin <= 1000):
		return fmt.Errorf("margin %g over the best donor: %w: want 1 to 1000", c.Margin, ErrJudge)
	case c.Periods < 0 || c.Periods > 1000:
		return fmt.Errorf("%d periods in a row: %w: want 1 to 1000", c.Periods, ErrJudge)
	case c.Rate < 0 || c.Rate > 1<<20:
		return fmt.Errorf("%d slabs a period: %w: want 1 to %d", c.Rate, ErrJudge, 1<<20)
	case c.MinReads < 0 || c.MinReads > 1<<20:
		return fmt.Errorf("at least %d reads: %w: want 1 to %d", c.MinReads, ErrJudge, 1<<20)
	case c.Floor < 0:
		return fmt.Errorf("floor of %d ns: %w: want 0 or more", c.Floor, ErrJudge)
	case !(c.Hot >= 0) || math.IsInf(c.Hot, 1):
		return fmt.Errorf("hot slabs from %g page I/Os per second: %w: want 0 or more", c.Hot, ErrJudge)
	}
	return nil
}

// withDefaults fills in zero fields.
func (c JudgeConfig) withDefaults() JudgeConfig {
	fill(&c.Factor, DefaultFactor)
	fill(&c.Margin, DefaultMargin)
	fill(&c.Periods, DefaultPeriods)
	fill(&c.Rate, DefaultRate)
	fill(&c.MinReads, DefaultMinReads)
	fill(&c.Floor, DefaultFloor)
	fill(&c.Hot, HotSlab)
	return c
}

func fill[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
