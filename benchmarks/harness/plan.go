package harness

import (
	"fmt"
	"slices"
	"time"

	"github.com/farswap/farswap/benchmarks/workload"
)

// Reference is the name of the backend without any limit, all in memory.
const Reference = "none"

// full is the limit at which the reference is recorded.
const full Limit = 100

// Seconds is a duration in JSON.
type Seconds float64

// Duration converts s.
func (s Seconds) Duration() time.Duration { return time.Duration(float64(s) * float64(time.Second)) }

// Plan says what to measure, and how.
type Plan struct {
	Workloads []string      `json:"workloads"`
	Backends  []string      `json:"backends"` // the reference first
	Limits    []Limit       `json:"limits"`
	Runs      int           `json:"runs"`
	Warmup    int           `json:"warmup"`             // runs before those, thrown away
	Duration  Seconds       `json:"duration_seconds"`   // of loading a server
	TimeLimit Seconds       `json:"time_limit_seconds"` // of a run, from its backend's start on
	Size      workload.Size `json:"size"`
	Device    string        `json:"device,omitempty"`
	Seed      uint64        `json:"seed"` // what the intervals follow from
}

// Bounds of a Plan.
const (
	maxRuns      = 1000
	maxTimeLimit = 24 * time.Hour
)

// Validate returns an error wrapping ErrConfig if p breaks a rule of its fields.
func (p Plan) Validate() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf(format+": %w", append(args, ErrConfig)...)
	}
	switch {
	case len(p.Workloads) == 0:
		return bad("no workload: give one at least")
	case len(p.Backends) == 0 || p.Backends[0] != Reference:
		return bad("backends %q: the first has to be %s", p.Backends, Reference)
	case len(p.Backends) > 1 && len(p.Limits) == 0:
		return bad("no limit: give one at least")
	case p.Runs < 1 || p.Runs > maxRuns:
		return bad("%d runs: want 1 to %d", p.Runs, maxRuns)
	case p.Warmup < 0 || p.Warmup > maxRuns:
		return bad("%d warm-up runs: want 0 to %d", p.Warmup, maxRuns)
	case p.Duration.Duration() < time.Millisecond || p.Duration > p.TimeLimit:
		return bad("a duration of %v: want a millisecond or more, within the time limit of %v", p.Duration.Duration(), p.TimeLimit.Duration())
	case p.TimeLimit.Duration() > maxTimeLimit:
		return bad("a time limit of %v: want %v at most", p.TimeLimit.Duration(), maxTimeLimit)
	}
	if _, err := p.Size.Bytes(); err != nil {
		return fmt.Errorf("%w: %w", ErrConfig, err)
	}
	for _, l := range p.Limits {
		if l < 1 || l > full {
			return bad("a limit of %v: want 1%% to 100%%", l)
		}
	}
	if again := twice(p.Workloads); again != "" {
		return bad("workload %q: given twice", again)
	}
	if again := twice(p.Backends); again != "" {
		return bad("backend %q: given twice", again)
	}
	for i, l := range p.Limits {
		if slices.Contains(p.Limits[:i], l) {
			return bad("limit %v: given twice", l)
		}
	}
	return nil
}

func twice(names []string) string {
	for i, n := range names {
		if slices.Contains(names[:i], n) {
			return n
		}
	}
	return ""
}

// Cell is one combination of a plan. It is run several times.
type Cell struct {
	Workload string `json:"workload"`
	Backend  string `json:"backend"`
	Limit    Limit  `json:"limit"`
}

func (c Cell) String() string {
	if c.Backend == Reference {
		return c.Workload + " in memory"
	}
	return fmt.Sprintf("%s on %s at %v", c.Workload, c.Backend, c.Limit)
}

// Step is one run of a cell.
type Step struct {
	Cell
	Round  int  `json:"round"` // from 1; the warm-ups first
	Warmup bool `json:"warmup,omitempty"`
}

// Cells returns all cells in the order of lists: by workload, limit, backend.
func (p Plan) Cells() []Cell {
	var cells []Cell
	for _, w := range p.Workloads {
		cells = append(cells, Cell{w, Reference, full})
		for _, l := range p.Limits {
			for _, b := range p.Backends[1:] {
				cells = append(cells, Cell{w, b, l})
			}
		}
	}
	return cells
}

// Steps returns all runs in their order: rounds outermost, backends innermost. Each round
// begins with another backend. The reference has only one limit, and takes its turn with the
// first limit of the others.
func (p Plan) Steps() []Step {
	limits := p.Limits
	if len(limits) == 0 {
		limits = []Limit{full}
	}
	var steps []Step
	for round := range p.Warmup + p.Runs {
		for _, w := range p.Workloads {
			for i, l := range limits {
				backends := p.Backends
				if i > 0 {
					backends = backends[1:]
				}
				for _, b := range rotated(backends, round) {
					cell := Cell{w, b, l}
					if b == Reference {
						cell.Limit = full
					}
					steps = append(steps, Step{cell, round + 1, round < p.Warmup})
				}
			}
		}
	}
	return steps
}

// rotated returns the names from the n-th on, then those before it.
func rotated(names []string, n int) []string {
	if len(names) == 0 {
		return nil
	}
	n %= len(names)
	return slices.Concat(names[n:], names[:n])
}
