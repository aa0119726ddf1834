//go:build vm

package vmtest

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/farswap/farswap/benchmarks/harness"
)

// benchGoesOn interrupts a plan of bench run while an application is swapped out, finds
// nothing left, and has the same command finish it.
func benchGoesOn(w *World) {
	size := 48 << 20
	if testing.Short() {
		size = 24 << 20
	}
	file := filepath.Join(w.Dir, "result.json")
	command := []string{
		"farswap", "bench", "run", "--workload", "gups", "--backend", "zram,farswap-tcp", "--limit", "50%", "--size", strconv.Itoa(size),
		"--duration", "1s", "--runs", "1", "--warmup", "0", "--dir", w.Dir, "--json", file, "--html", file + ".html",
	}
	first := w.Start(nil, command...)
	w.Until(3*time.Minute, "a run is kept and the next one swaps", func() bool {
		f, err := harness.Load(file)
		return err == nil && len(f.Runs) == 1 && swapped()
	})
	first.Signal(syscall.SIGINT)
	if r := first.Wait(2 * time.Minute); r.Code != 1 || !strings.Contains(r.Stderr, "interrupted: 1 of 3 runs are in "+file) {
		w.Errorf("interrupted: exit code %d: %s", r.Code, r.Stderr)
	}
	nothingOfBench(w)

	w.Start(nil, command...).Succeed(5 * time.Minute)
	nothingOfBench(w)
	f, err := harness.Load(file)
	if err != nil {
		w.Fatal(err)
	}
	for _, r := range f.Runs {
		switch {
		case r.Failed != "":
			w.Errorf("%v: %s", r.Step, r.Failed)
		case r.Backend == harness.Reference && r.Counters.SwapOut > 0:
			w.Errorf("%v swapped %d pages out", r.Step, r.Counters.SwapOut)
		case r.Backend != harness.Reference && (r.Counters.SwapIn == 0 || r.Counters.MajorFaults == 0 || r.Latencies["fault"] == nil):
			w.Errorf("%v has not swapped, or it was not seen: %+v, latencies %v", r.Step, r.Counters, r.Latencies)
		}
		if c := r.Counters; c != nil && (c.CPU.Application <= 0 || c.CPU.Application > c.CPU.Available || c.Group == nil) {
			w.Errorf("%v: %+v", r.Step, c)
		}
		if r.Backend == "farswap-tcp" && r.Counters != nil && (r.Counters.CPU.Device <= 0 || r.Counters.CPU.Donor <= 0) {
			w.Errorf("%v: the servers took no time: %+v", r.Step, r.Counters.CPU)
		}
	}
	if len(f.Runs) != 3 || len(f.Rows) < 3 || f.Peaks[0].Bytes < int64(size) {
		w.Errorf("%d runs, %d rows, peaks %+v", len(f.Runs), len(f.Rows), f.Peaks)
	}
	if page, err := os.ReadFile(file + ".html"); err != nil || len(page) < 1000 {
		w.Errorf("the page: %d bytes, %v", len(page), err)
	}
}

// swapped says whether a swap area is active.
func swapped() bool {
	e, err := harness.ReadEnvironment(harness.Program{})
	return err == nil && len(e.OtherSwaps) > 0
}

// nothingOfBench checks that swap, control groups and folders of bench run are gone.
func nothingOfBench(w *World) {
	w.Helper()
	if swapped() {
		w.Error("a swap area is left")
	}
	for _, pattern := range []string{"/sys/fs/cgroup/farswap-bench-*", filepath.Join(w.Dir, "farswap-bench-*"), "/sys/block/zram*/disksize"} {
		left, err := filepath.Glob(pattern)
		if err != nil {
			w.Error(err)
		}
		for _, path := range left {
			if text, err := os.ReadFile(path); err == nil && string(text) == "0\n" {
				continue // a zram device that nobody has set up
			}
			w.Errorf("%s is left", path)
		}
	}
}
