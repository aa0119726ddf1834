package stats

// Verdict is what a ratio of performances shows; above 1 is faster.
type Verdict string

// Verdicts.
const (
	Faster       Verdict = "faster"
	Slower       Verdict = "slower"
	NoDifference Verdict = "no difference shown"
	TooFewRuns   Verdict = "too few runs"
)

// EnoughRuns is the number of runs on either side that a verdict needs. It is the least
// with which the span of the runs contains the true median nine times out of ten.
const EnoughRuns = 5

// Verdict of a ratio: one that says that there is a difference only where the interval
// excludes 1.
func (i Interval) Verdict() Verdict {
	switch {
	case i.Runs < EnoughRuns:
		return TooFewRuns
	case i.Low > 1:
		return Faster
	case i.High < 1:
		return Slower
	}
	return NoDifference
}
