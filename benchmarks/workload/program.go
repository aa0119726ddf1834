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
	Threads int   // 1 to 1024; what a program does alone it does with one
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

// task is a program that has its data. It is used once.
type task interface {
	// work does what is measured; it returns how much that was.
	work() (amount float64, err error)
	// check verifies data and results.
	check() error
	// figures are those of a work that took that many seconds.
	figures(amount, seconds float64) []Metric
}

// maxWork bounds work that is as long as one likes, which paging can make a thousand times
// slower: what is told of it is a rate.
const maxWork = 20 * time.Second

func timeOf(seconds float64) Metric { return Metric{Name: "time", Unit: "s", Value: seconds} }

func rateOf(perSecond float64, unit string) Metric {
	return Metric{Name: "rate", Unit: unit, Value: perSecond, Higher: true}
}

func bandwidthOf(bytesPerSecond float64) Metric {
	return Metric{Name: "bandwidth", Unit: "MB/s", Value: bytesPerSecond / 1e6, Higher: true}
}

var programs = []program{pagerank, kmeans, quicksort, gups, scan, stream, faults}

// RunProgram fills the memory of the program, calls ready, runs it to its end and checks
// its results. The caller has put the process into the control group that limits its
// memory, and ends it afterwards: its memory is not given back. It raises GOMAXPROCS,
// since a thread in a page fault keeps its processor. Errors wrap ErrConfig, ErrWrong,
// ErrUnreadable, or are the kernel's when memory cannot be had.
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
	case c.Bytes < minBytes:
		return program{}, fmt.Errorf("%d bytes: give at least %d: %w", c.Bytes, minBytes, ErrConfig)
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
