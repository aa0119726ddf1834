package workload

import (
	"fmt"
	"runtime"
	"time"
)

// ProgramConfig describes a run of a program.
type ProgramConfig struct {
	Name    string
	Bytes   int64 // of its data, about
	Threads int   // 1 to 1024; work that cannot be shared takes one
	Seed    uint64
}

// maxThreads bounds ProgramConfig.Threads.
const maxThreads = 1024

// program is an application of our own.
type program struct {
	name  string
	about string
	// fill makes the data.
	fill func(ProgramConfig) (task, error)
}

// task is a program with its data. It is used once.
type task interface {
	// work does the measured work, and returns how much that was.
	work() (amount float64, err error)
	// check verifies data and results.
	check() error
	// figures returns the figures of work that took that many seconds.
	figures(amount, seconds float64) []Metric
}

// maxWork bounds the time of work whose figure is a rate. Paging can make such work a thousand
// times slower.
const maxWork = 20 * time.Second

func timeOf(seconds float64) Metric { return Metric{Name: "time", Unit: "s", Value: seconds} }

func rateOf(perSecond float64, unit string) Metric {
	return Metric{Name: "rate", Unit: unit, Value: perSecond, Higher: true}
}

func bandwidthOf(bytesPerSecond float64) Metric {
	return Metric{Name: "bandwidth", Unit: "MB/s", Value: bytesPerSecond / 1e6, Higher: true}
}

var programs = []program{pagerank, kmeans, quicksort, gups, scan, stream, faults}

// RunProgram fills the memory of the program, calls ready, runs the program to its end and
// checks its results. It does not give the memory back, so the caller ends the process
// afterwards. It raises GOMAXPROCS of the process, because a thread in a page fault keeps its P.
// Errors wrap ErrConfig, ErrWrong or ErrUnreadable, or are the kernel's if it gives no memory.
//
// Preconditions: the process is in the control group that limits its memory.
func RunProgram(c ProgramConfig, ready func() error) ([]Metric, error) {
	p, err := findProgram(c)
	if err != nil {
		return nil, err
	}
	runtime.GOMAXPROCS(runtime.NumCPU() + c.Threads)
	t, err := p.fill(c)
	if err == nil {
		err = ready()
	}
	if err != nil {
		return nil, fmt.Errorf("fill %s: %w", c.Name, err)
	}
	begin := time.Now()
	amount, err := t.work()
	seconds := time.Since(begin).Seconds()
	if err == nil {
		err = t.check()
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.Name, err)
	}
	return t.figures(amount, seconds), nil
}

func findProgram(c ProgramConfig) (program, error) {
	switch {
	case c.Threads < 1 || c.Threads > maxThreads:
		return program{}, fmt.Errorf("%d threads: give 1 to %d: %w", c.Threads, maxThreads, ErrConfig)
	case c.Bytes < minBytes || c.Bytes > maxBytes:
		return program{}, fmt.Errorf("%d bytes: give at least %d, at most %d: %w", c.Bytes, minBytes, int64(maxBytes), ErrConfig)
	}
	var names []string
	for _, p := range programs {
		if p.name == c.Name {
			return p, nil
		}
		names = append(names, p.name)
	}
	return program{}, fmt.Errorf("program %q: give one of %q: %w", c.Name, names, ErrConfig)
}
