package pathmodel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// countTime is how long system calls are counted.
const countTime = 150 * time.Millisecond

// spareProcs are processors of the runtime beside those that the threads of a burst keep: for
// the receiving threads of both models of nbd, and for goroutines that wait.
const spareProcs = 4

// keepProcs prepares the process for threads that keep their processor of the runtime while they
// wait in the kernel, MaxThreads + 2 at most. The runtime cannot stop the world while one waits: it
// does that for the garbage collector and for GOMAXPROCS, so neither may come before the
// function returned is called, when no such thread is left.
func keepProcs() (restore func()) {
	procs := runtime.GOMAXPROCS(0)
	runtime.GOMAXPROCS(procs + MaxThreads + spareProcs)
	percent := debug.SetGCPercent(-1)
	return func() {
		debug.SetGCPercent(percent)
		runtime.GOMAXPROCS(procs)
	}
}

// Run measures all cells of cfg, and says on progress which one it measures. Every page that is
// read is checked. With an error it returns the cells that were done. Errors wrap ErrConfig or
// ErrMismatch, or are those of the parts.
func Run(ctx context.Context, cfg Config, progress io.Writer) (result Result, err error) {
	if err := cfg.Validate(); err != nil {
		return Result{}, err
	}
	var allowed unix.CPUSet
	if err := unix.SchedGetaffinity(0, &allowed); err != nil {
		return Result{}, fmt.Errorf("read which CPUs this process may use: %w", err)
	}
	cpus, err := chooseCPUs(cfg.CPUs, cfg.Modes, allowed)
	if err != nil {
		return Result{}, err
	}
	// Processes end with the thread that has started them.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer keepProcs()()

	r := &runner{cfg: cfg, cpus: cpus, allowed: allowed, progress: progress}
	defer func() { err = errors.Join(err, r.close()) }()
	if err := r.begin(ctx); err != nil {
		return r.result, err
	}
	err = r.run(ctx)
	return r.result, err
}

// runner is one Run.
type runner struct {
	cfg        Config
	cpus       []int
	allowed    unix.CPUSet
	progress   io.Writer
	point      uint64 // tracepoint of system calls, 0: none
	contenders []*contender
	result     Result
	closers
}

// begin starts the contenders.
func (r *runner) begin(ctx context.Context) (err error) {
	r.result.Settings = Settings{
		Seconds: r.cfg.Time.Seconds(), Turns: r.cfg.Turns, Size: r.cfg.Size, CPUs: r.cpus, Seal: string(r.cfg.Seal), Realtime: r.cfg.Realtime, DeviceProcess: r.cfg.DeviceProcess,
	}
	if r.result.Host, err = readHost(); err != nil {
		return err
	}
	if r.point, err = callsPoint(); err != nil {
		r.result.NotCounted = err.Error()
	}
	folder, err := os.MkdirTemp("", "bench-path-")
	if err != nil {
		return err
	}
	r.add(func() error { return os.RemoveAll(folder) })
	names := []string{Farswap, Nbdkit, NbdMinimal}
	if r.cfg.Nbdkit == "" {
		names = []string{Farswap, NbdMinimal}
		r.result.LeftOut = Nbdkit + ": nbdkit is not installed"
	}
	for _, name := range names {
		r.say("set %s up", name)
		c, err := begin(ctx, name, r.cfg, filepath.Join(folder, name))
		if err != nil {
			return err
		}
		r.add(c.close)
		stop := context.AfterFunc(ctx, func() { c.area.abort(ctx.Err()) })
		r.add(func() error { stop(); return nil })
		r.contenders = append(r.contenders, c)
	}
	return ctx.Err()
}

func (r *runner) say(format string, args ...any) {
	_, _ = fmt.Fprintf(r.progress, format+"\n", args...)
}

// run measures the cells, and looks at every page in the end.
func (r *runner) run(ctx context.Context) error {
	cells, began := r.cfg.cells(), time.Now()
	for i, cell := range cells {
		left := "time left not known yet"
		if i > 0 {
			each := time.Since(began) / time.Duration(i)
			left = fmt.Sprintf("about %v left", (each * time.Duration(len(cells)-i)).Round(time.Second))
		}
		r.say("%d of %d, %s: %v", i+1, len(cells), left, cell)
		done, err := r.cell(ctx, cell)
		if err != nil {
			return fmt.Errorf("%v: %w", cell, err)
		}
		r.result.Cells = append(r.result.Cells, done)
	}
	r.say("check every page")
	for _, c := range r.contenders {
		w, err := c.open(0)
		if err != nil {
			return err
		}
		if err := errors.Join(checkPages(c.pages, w), w.close()); err != nil {
			return fmt.Errorf("%s, in the end: %w", c.name, err)
		}
	}
	var err error
	r.result.Host.LoadEnd, err = readLoad()
	return err
}

// cell measures one cell: the contenders in turns, and then their system calls.
func (r *runner) cell(ctx context.Context, cell Cell) (CellResult, error) {
	turns := make([][]turn, len(r.contenders))
	for n := range r.cfg.Turns {
		for k := range r.contenders {
			i := (n + k) % len(r.contenders) // another is first each time
			t, err := r.turn(ctx, cell, r.contenders[i], uint64(n), r.cfg.Time, 0)
			if err != nil {
				return CellResult{}, err
			}
			turns[i] = append(turns[i], t)
		}
	}
	done := CellResult{Cell: cell}
	for i, c := range r.contenders {
		var counted *turn
		if r.point != 0 {
			t, err := r.turn(ctx, cell, c, seed, min(countTime, r.cfg.Time), r.point)
			switch {
			case errors.Is(err, errNotCounted):
				r.point, r.result.NotCounted = 0, err.Error()
			case err != nil:
				return CellResult{}, err
			default:
				counted = &t
			}
		}
		f := newFigures(c.name, turns[i], counted)
		done.Contenders = append(done.Contenders, f)
		if i > 0 {
			done.Ratios = append(done.Ratios, newRatio(turns[0], done.Contenders[0], turns[i], f))
		}
	}
	return done, nil
}

// turn has one contender move pages for a time. point is the tracepoint of system calls, 0: they
// are not counted.
func (r *runner) turn(ctx context.Context, cell Cell, c *contender, order uint64, d time.Duration, point uint64) (turn, error) {
	if err := ctx.Err(); err != nil {
		return turn{}, err
	}
	p := place(cell.Mode, r.cpus, r.allowed)
	for _, part := range []struct {
		tasks func() ([]task, error)
		cpus  unix.CPUSet
	}{{c.device, p.device}, {c.server, p.server}} {
		tasks, err := part.tasks()
		if err == nil {
			err = bind(tasks, part.cpus, r.cfg.Realtime && c.name == Farswap)
		}
		if err != nil {
			return turn{}, fmt.Errorf("%s: %w", c.name, err)
		}
	}
	m := &meter{contender: c, point: point}
	l := load{threads: cell.Threads, op: cell.operation(), time: d, count: r.cfg.Count, cpus: p.application, seed: order << 32}
	b, err := runBurst(l, c.pages, c.open, m)
	if err != nil {
		return turn{}, fmt.Errorf("%s: %w", c.name, c.explain(err))
	}
	if b.count == 0 || b.seconds <= 0 {
		return turn{}, fmt.Errorf("%s moved no page in %v: give it more time: %w", c.name, d, ErrConfig)
	}
	return turn{burst: b, used: m.used}, nil
}

// readHost describes the machine, before anything is measured.
func readHost() (Host, error) {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return Host{}, err
	}
	load, err := readLoad()
	return Host{Kernel: unix.ByteSliceToString(name.Release[:]), CPUs: runtime.NumCPU(), LoadBegin: load}, err
}

// readLoad is the average load of the last minute.
func readLoad() (load float64, err error) {
	text, err := os.ReadFile("/proc/loadavg")
	if err == nil {
		_, err = fmt.Fscan(strings.NewReader(string(text)), &load)
	}
	if err != nil {
		return 0, fmt.Errorf("read the machine's load: %w", err)
	}
	return load, nil
}
