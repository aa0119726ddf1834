package benchmarks

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
)

// ErrDifferent means that results are not of the same workload.
var ErrDifferent = errors.New("results of different workloads")

// Comparison has the figures of backends side by side.
type Comparison struct {
	// Backends in the order of their first run; the first is the baseline.
	// Figures are medians over the runs of one name, mismatches their sum.
	Backends []PagingResult `json:"backends"`
	Runs     []int          `json:"runs"`   // of each backend
	Ratios   []Ratio        `json:"ratios"` // each backend against the baseline
}

// Ratio says how many times better than the baseline a backend is. Above 1 is
// better, for every figure. 0 means that there is no ratio.
type Ratio struct {
	Name   string       `json:"name"`
	Fill   float64      `json:"fill"`
	Phases []PhaseRatio `json:"phases"`
}

// PhaseRatio is the part of a Ratio that is about one pattern.
type PhaseRatio struct {
	Pattern  Pattern `json:"pattern"`
	Accesses float64 `json:"accesses_per_second"`
	PageIns  float64 `json:"page_ins_per_second"`
	P50      float64 `json:"p50"`
	P99      float64 `json:"p99"`
}

// Compare joins results of one workload on several backends. Runs of the same
// name are taken together. It returns an error wrapping ErrDifferent if the
// workloads differ, or if there are none.
func Compare(results []PagingResult) (Comparison, error) {
	if len(results) == 0 {
		return Comparison{}, fmt.Errorf("compare no results: give one at least: %w", ErrDifferent)
	}
	var c Comparison
	runs := map[string][]PagingResult{}
	var names []string
	for _, r := range results {
		if !alike(results[0], r) {
			return Comparison{}, fmt.Errorf("%q and %q: run them with the same size, threads, seed, write share and patterns: %w",
				results[0].Name, r.Name, ErrDifferent)
		}
		if len(runs[r.Name]) == 0 {
			names = append(names, r.Name)
		}
		runs[r.Name] = append(runs[r.Name], r)
	}
	for _, name := range names {
		b := middle(runs[name])
		c.Backends, c.Runs = append(c.Backends, b), append(c.Runs, len(runs[name]))
		c.Ratios = append(c.Ratios, against(c.Backends[0], b))
	}
	return c, nil
}

func alike(a, b PagingResult) bool {
	return a.Size == b.Size && a.Threads == b.Threads && a.Seed == b.Seed && a.WriteShare == b.WriteShare &&
		slices.EqualFunc(a.Phases, b.Phases, func(p, q PagingPhase) bool { return p.Pattern == q.Pattern })
}

// middle returns a result of medians; mismatches are summed.
func middle(runs []PagingResult) PagingResult {
	m := runs[0]
	m.FillSeconds = median(runs, func(r PagingResult) float64 { return r.FillSeconds })
	m.SweepSeconds = median(runs, func(r PagingResult) float64 { return r.SweepSeconds })
	m.SweptPages = median(runs, func(r PagingResult) int64 { return r.SweptPages })
	m.Mismatches = sum(runs, func(r PagingResult) int64 { return r.Mismatches })
	m.MajorFaults = median(runs, func(r PagingResult) int64 { return r.MajorFaults })
	m.PswpIn = median(runs, func(r PagingResult) int64 { return r.PswpIn })
	m.PswpOut = median(runs, func(r PagingResult) int64 { return r.PswpOut })
	m.Phases = make([]PagingPhase, len(runs[0].Phases))
	for i := range m.Phases {
		phases := make([]PagingPhase, len(runs))
		for j := range runs {
			phases[j] = runs[j].Phases[i]
		}
		m.Phases[i] = middlePhase(phases)
	}
	return m
}

func middlePhase(runs []PagingPhase) PagingPhase {
	of := func(f func(PagingPhase) int64) int64 { return median(runs, f) }
	return PagingPhase{
		Pattern:           runs[0].Pattern,
		Seconds:           median(runs, func(p PagingPhase) float64 { return p.Seconds }),
		Accesses:          of(func(p PagingPhase) int64 { return p.Accesses }),
		Writes:            of(func(p PagingPhase) int64 { return p.Writes }),
		AccessesPerSecond: median(runs, func(p PagingPhase) float64 { return p.AccessesPerSecond }),
		MeanNS:            of(func(p PagingPhase) int64 { return p.MeanNS }),
		P50NS:             of(func(p PagingPhase) int64 { return p.P50NS }),
		P90NS:             of(func(p PagingPhase) int64 { return p.P90NS }),
		P99NS:             of(func(p PagingPhase) int64 { return p.P99NS }),
		P999NS:            of(func(p PagingPhase) int64 { return p.P999NS }),
		MaxNS:             of(func(p PagingPhase) int64 { return p.MaxNS }),
		Mismatches:        sum(runs, func(p PagingPhase) int64 { return p.Mismatches }),
		MajorFaults:       of(func(p PagingPhase) int64 { return p.MajorFaults }),
		PswpIn:            of(func(p PagingPhase) int64 { return p.PswpIn }),
		PswpOut:           of(func(p PagingPhase) int64 { return p.PswpOut }),
		Machine:           middleMachine(runs),
		Processes:         middleProcesses(runs),
	}
}

func middleMachine(runs []PagingPhase) MachineUsage {
	of := func(f func(MachineUsage) float64) float64 {
		return median(runs, func(p PagingPhase) float64 { return f(p.Machine) })
	}
	return MachineUsage{
		UserSeconds:      of(func(m MachineUsage) float64 { return m.UserSeconds }),
		SystemSeconds:    of(func(m MachineUsage) float64 { return m.SystemSeconds }),
		InterruptSeconds: of(func(m MachineUsage) float64 { return m.InterruptSeconds }),
		IdleSeconds:      of(func(m MachineUsage) float64 { return m.IdleSeconds }),
		Switches:         median(runs, func(p PagingPhase) int64 { return p.Machine.Switches }),
	}
}

// middleProcesses counts a process that a run lacks as a process that used nothing.
func middleProcesses(runs []PagingPhase) []ProcessUsage {
	var processes []ProcessUsage
	for _, p := range runs[0].Processes {
		processes = append(processes, ProcessUsage{
			Name:       p.Name,
			CPUSeconds: median(runs, func(r PagingPhase) float64 { return r.process(p.Name).CPUSeconds }),
			Switches:   median(runs, func(r PagingPhase) int64 { return r.process(p.Name).Switches }),
		})
	}
	return processes
}

// median of an even number of runs is the lower of the middle two: a figure
// that was measured.
func median[T any, N cmp.Ordered](runs []T, f func(T) N) N {
	figures := make([]N, len(runs))
	for i, r := range runs {
		figures[i] = f(r)
	}
	slices.Sort(figures)
	return figures[(len(figures)-1)/2]
}

func sum[T any](runs []T, f func(T) int64) (n int64) {
	for _, r := range runs {
		n += f(r)
	}
	return n
}

func against(base, b PagingResult) Ratio {
	r := Ratio{Name: b.Name, Fill: quotient(base.FillSeconds, b.FillSeconds), Phases: []PhaseRatio{}}
	for i, p := range b.Phases {
		q := base.Phases[i]
		r.Phases = append(r.Phases, PhaseRatio{
			Pattern:  p.Pattern,
			Accesses: quotient(p.AccessesPerSecond, q.AccessesPerSecond),
			PageIns:  quotient(p.PageInsPerSecond(), q.PageInsPerSecond()),
			P50:      quotient(float64(q.P50NS), float64(p.P50NS)),
			P99:      quotient(float64(q.P99NS), float64(p.P99NS)),
		})
	}
	return r
}

// quotient returns 0 if there is no quotient that JSON can have.
func quotient(a, b float64) float64 {
	if q := a / b; !math.IsInf(q, 0) && !math.IsNaN(q) {
		return q
	}
	return 0
}
