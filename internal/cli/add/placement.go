package add

import (
	"time"

	"github.com/spf13/pflag"

	"github.com/farswap/farswap/internal/cli/usage"
	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/swapdev"
)

// placement are the flags of how slabs get their donors.
type placement struct {
	policy  string
	by      string
	factor  float64
	periods int
	period  time.Duration
	rate    int
	reads   int
}

func (o *placement) register(f *pflag.FlagSet) {
	f.StringVar(&o.policy, "placement", swapdev.DefaultPlacement, "how slabs get their donors: latency, where slow donors get no slabs and lose their hottest, or paper, as in the paper")
	f.StringVar(&o.by, "slow-by", swapdev.DefaultSlowBy, "what shows that a donor is slow: server, its reads as the server sees them, or kernel, reads of its slabs as the probes see them")
	f.Float64Var(&o.factor, "slow-factor", slabmap.DefaultFactor, "a donor is slow when its p99 is so many times its p99 when all is well")
	f.IntVar(&o.periods, "slow-periods", slabmap.DefaultPeriods, "and stays so for so many periods in a row")
	f.DurationVar(&o.period, "slow-period", swapdev.DefaultPeriod, "length of such a period, 100ms to 1h")
	f.IntVar(&o.rate, "slow-rate", slabmap.DefaultRate, "slabs moved away from slow donors per period at most")
	f.IntVar(&o.reads, "slow-reads", slabmap.DefaultMinReads, "reads that a p99 needs; fewer reads of a period are added to the next period's")
}

// check returns when a donor is slow. A 0, which stands for the default elsewhere, is
// refused: who writes it means something else.
func (o *placement) check() (slabmap.JudgeConfig, error) {
	c := slabmap.JudgeConfig{Factor: o.factor, Periods: o.periods, Rate: o.rate, MinReads: o.reads}
	switch {
	case !(o.factor > 1):
		return c, usage.Errorf("--slow-factor %g: want more than 1", o.factor)
	case o.periods < 1:
		return c, usage.Errorf("--slow-periods %d: want at least 1", o.periods)
	case o.period <= 0:
		return c, usage.Errorf("--slow-period %v: want 100ms to 1h", o.period)
	case o.rate < 1:
		return c, usage.Errorf("--slow-rate %d: want at least 1", o.rate)
	case o.reads < 1:
		return c, usage.Errorf("--slow-reads %d: want at least 1", o.reads)
	}
	return c, nil
}
