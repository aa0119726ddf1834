package workload

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// programSeed is the seed of the data. It is the same for all runs, because runs are compared.
const programSeed = 1

// workload returns the program as a workload, which runs `farswap bench work` of this
// executable.
func (p program) workload() Workload {
	return Workload{Name: p.name, About: p.about, Start: p.start}
}

func (p program) start(ctx context.Context, place Place, size Size) (Running, error) {
	n, err := size.Bytes()
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find the farswap that is running: %w", err)
	}
	cmd := place.Command(context.WithoutCancel(ctx), self, "bench", "work", p.name,
		"--size", strconv.FormatInt(n, 10), "--seed", strconv.Itoa(programSeed), "--json", "--wait")
	run := &programRun{out: &firstLine{seen: make(chan struct{})}}
	cmd.Stdout = run.out
	if run.begin, err = cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("start %s: %w", p.name, err)
	}
	place.Log("%s: fill %d MiB", p.name, n>>20)
	if run.process, err = launch(p.name, cmd); err != nil {
		return nil, err
	}
	select {
	case <-run.out.seen:
		return run, nil
	case <-run.process.done:
		return nil, run.process.ended()
	case <-ctx.Done():
		return nil, errors.Join(fmt.Errorf("fill %s: %w", p.name, ctx.Err()), run.Stop())
	}
}

// programRun is a program that has filled its memory and waits.
type programRun struct {
	process *process
	begin   io.WriteCloser
	out     *firstLine
	used    bool
}

// Measure is part of Running.
func (r *programRun) Measure(ctx context.Context, _ time.Duration) ([]Metric, error) {
	if r.used {
		return nil, fmt.Errorf("%s has done its work: start it again: %w", r.process.name, ErrConfig)
	}
	r.used = true
	// If the process has ended, how it ended says more than a broken pipe.
	_, _ = io.WriteString(r.begin, "\n")
	select {
	case <-r.process.done:
	case <-ctx.Done():
		return nil, fmt.Errorf("%s: %w", r.process.name, ctx.Err())
	}
	if r.process.err != nil {
		return nil, r.process.ended()
	}
	var metrics []Metric
	if err := json.Unmarshal(r.out.rest(), &metrics); err != nil {
		return nil, fmt.Errorf("read the figures of %s: %w", r.process.name, err)
	}
	return metrics, nil
}

// Stop is part of Running.
func (r *programRun) Stop() error { return r.process.stop(syscall.SIGTERM) }

// firstLine keeps what is written to it, and closes seen when the first line is complete.
type firstLine struct {
	seen chan struct{} // closed at the end of the first line

	mu   sync.Mutex // guards data
	data []byte
}

// Write is part of io.Writer. It never fails.
func (f *firstLine) Write(b []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	before := bytes.IndexByte(f.data, '\n')
	f.data = append(f.data, b...)
	if before < 0 && bytes.IndexByte(b, '\n') >= 0 {
		close(f.seen)
	}
	return len(b), nil
}

// rest returns what follows the first line.
func (f *firstLine) rest() []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, rest, _ := bytes.Cut(f.data, []byte("\n"))
	return rest
}
