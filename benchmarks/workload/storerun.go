package workload

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// socket is a Unix socket in a folder of its own. It is not in Place.Dir, whose path may be
// longer than the 107 bytes of a socket's path.
type socket struct {
	path string
}

func newSocket() (socket, error) {
	dir, err := os.MkdirTemp("", "farswap-")
	if err != nil {
		return socket{}, fmt.Errorf("a folder for the socket: %w", err)
	}
	return socket{filepath.Join(dir, "s")}, nil
}

func (s socket) dir() string { return filepath.Dir(s.path) }

func (s socket) remove() error { return os.RemoveAll(s.dir()) }

// storeRun is a key-value store that is up.
type storeRun struct {
	name    string
	store   *store
	shares  []*share
	socket  socket
	log     func(string, ...any)
	depth   int
	rate    float64               // 0 for defaultRate
	holds   func() (int64, error) // the number of keys that the server has
	process *process
	spent   bool // nobody knows any more what the store holds
}

// defaultRate is the rate, a second, for sizes without a name, such as the small ones of tests.
const defaultRate = 500

// openPatience is the least time to wait for answers after the end of a phase.
const openPatience = 30 * time.Second

// start starts the server and fills it; if it fails, nothing is left.
func (r *storeRun) start(ctx context.Context, cmd *exec.Cmd) (Running, error) {
	var err error
	if r.process, err = launch(r.name, cmd); err != nil {
		return nil, errors.Join(err, r.socket.remove())
	}
	if err = r.fill(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("fill %s: %w", r.name, err), r.Stop())
	}
	return r, nil
}

func (r *storeRun) fill(ctx context.Context) error {
	err := r.process.until(ctx, func(context.Context) error {
		_, err := r.holds()
		return err
	})
	if err != nil {
		return err
	}
	if err := r.store.fill(ctx, r.shares, r.log); err != nil {
		return r.process.orEnded(err)
	}
	n, err := r.holds()
	if err == nil && n != r.store.keys {
		err = fmt.Errorf("%d of %d keys are there after the fill: %w", n, r.store.keys, ErrWrong)
	}
	return err
}

var _ Warmer = (*storeRun)(nil)

// Warm is part of Warmer. When the limit is set, the keys that were filled in last are in
// memory, and not the keys in demand.
func (r *storeRun) Warm(ctx context.Context, d time.Duration) error {
	if r.spent {
		return fmt.Errorf("%s has left operations unanswered: start it again: %w", r.name, ErrConfig)
	}
	result, err := r.phase(ctx, phase{depth: r.depth, duration: d, patience: max(d, openPatience)})
	r.spent = err != nil || result.late > 0
	return err
}

// Measure is part of Running. A third of d is the closed phase, the rest the open one.
func (r *storeRun) Measure(ctx context.Context, d time.Duration) ([]Metric, error) {
	if r.spent {
		return nil, fmt.Errorf("%s has left operations unanswered: start it again: %w", r.name, ErrConfig)
	}
	r.spent = true
	if r.rate == 0 {
		r.rate = defaultRate
	}
	closed, err := r.phase(ctx, phase{depth: r.depth, duration: d / 3, patience: max(d, openPatience)})
	if err == nil && closed.late > 0 {
		err = fmt.Errorf("%d operations have had no answer for %v", closed.late, max(d, openPatience))
	}
	if err != nil {
		return nil, err
	}
	open, err := r.phase(ctx, phase{rate: r.rate, duration: d - d/3, patience: max(d, openPatience)})
	if err != nil {
		return nil, err
	}
	r.spent = open.late > 0
	if r.spent {
		r.log("%s: %d of %d operations had no answer by the end", r.name, open.late, open.late+open.done)
	}
	metrics := []Metric{
		{Name: "throughput", Unit: "op/s", Value: float64(closed.done) / closed.seconds, Higher: true},
		open.quantile("p50", 50), open.quantile("p99", 99), open.quantile("p99.9", 99.9),
	}
	if r.store.lossy {
		metrics = append(metrics, Metric{Name: "misses", Unit: "op", Value: float64(closed.misses + open.misses)})
	}
	return metrics, nil
}

func (r *storeRun) phase(ctx context.Context, ph phase) (outcome, error) {
	if ph.rate == 0 {
		r.log("%s: closed phase, %v, %d operations under way", r.name, ph.duration, ph.depth*connections)
	} else {
		r.log("%s: open phase, %v, %.0f op/s", r.name, ph.duration, ph.rate)
	}
	result, err := r.store.run(ctx, r.shares, ph)
	if err != nil {
		err = fmt.Errorf("%s: %w", r.name, r.process.orEnded(err))
	}
	return result, err
}

// quantile makes a metric: the latency that q percent of the operations had at most.
func (o *outcome) quantile(name string, q float64) Metric {
	return Metric{Name: name, Unit: "µs", Value: float64(o.latency.ValueAtQuantile(q)) / 1e3}
}

// Stop is part of Running.
func (r *storeRun) Stop() error {
	return errors.Join(r.process.stop(syscall.SIGTERM), r.socket.remove())
}
