//go:build vm

package vmtest

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/farswap/farswap/benchmarks/backend"
)

// What `farswap bench run` swaps to: each backend comes up, takes a program that uses
// twice the memory that it may have, and goes down again with nothing left.

// backendOptions are for a small area, on the scratch disk.
func (w *World) backendOptions() backend.Options {
	program, err := filepath.EvalSymlinks(strings.TrimSpace(w.Must("sh", "-c", "command -v farswap")))
	if err != nil {
		w.Fatal(err)
	}
	return backend.Options{Size: 128 << 20, Dir: w.Dir, Farswap: program, Log: w.Logf}
}

// backendScenarios has one for each backend but none, where nothing is swapped.
func backendScenarios() []Scenario {
	var list []Scenario
	for _, b := range backend.All()[1:] {
		list = append(list, Scenario{84, "backend-" + b.Name, 5 * time.Minute, onlyTCP, func(w *World) { pageTo(w, b) }})
	}
	return list
}

// pageTo brings a backend up, pages to it, and takes it down.
func pageTo(w *World, b backend.Backend) {
	before, o := w.inUse(), w.backendOptions()
	if strings.HasPrefix(b.Name, "farswap-rdma") {
		if err := b.Lacks(o); err == nil || !strings.Contains(err.Error(), "RDMA adapter") {
			w.Errorf("without an adapter it lacks %v", err)
		}
		w.benchAdapter()
	}
	if err := b.Lacks(o); err != nil {
		w.Fatalf("this machine lacks %v", err)
	}
	area, err := b.Up(w.ctx, o)
	if err != nil {
		w.Fatalf("up: %v", err)
	}
	w.Defer(func() {
		if err := area.Down(w.ctx); err != nil {
			w.Errorf("down: %v", err)
		}
		w.noChange(before)
	})
	if _, err := b.Up(w.ctx, o); !errors.Is(err, backend.ErrBusy) {
		w.Errorf("%s a second time: %v, want ErrBusy", b.Name, err)
	}
	program := w.Page(pagingSize, pagingLimit, "--duration", "1s", "--threads", "2", "--pattern", "uniform")
	if b.Name == "zswap-disk" { // copies of pages that do not compress count within the limit, and would fill it
		program.LimitZswap(pagingLimit / 4)
	}
	program.Check(4 * time.Minute)
	device, donor, err := area.CPU()
	if err != nil {
		w.Error(err)
	}
	if wants := strings.HasPrefix(b.Name, "farswap-"); wants && (device == 0 || donor == 0) {
		w.Errorf("%s took %v of the device's and %v of the donors' processor time: want some", b.Name, device, donor)
	}
	w.Logf("CPU time: device %v, donor %v", device, donor)
	for _, f := range area.Facts() {
		w.Logf("%s: %s", f.Name, f.Value)
	}
}

// benchAdapter makes a soft RDMA adapter.
func (w *World) benchAdapter() {
	w.Helper()
	w.Must("ip", "link", "add", "bench-rdma", "type", "dummy")
	w.Defer(func() { w.Must("ip", "link", "del", "bench-rdma") })
	w.Must("ip", "address", "add", "10.98.0.1/24", "dev", "bench-rdma")
	w.Must("ip", "link", "set", "bench-rdma", "up")
	w.AddAdapter(Adapter{"rxe-bench", "bench-rdma"})
}

// inUse is all that a backend could leave behind.
func (w *World) inUse() string {
	w.Helper()
	var b strings.Builder
	for _, pattern := range []string{
		"/run/farswap-bench/*", "/sys/fs/cgroup/farswap*", "/sys/block/*", "/sys/kernel/config/nullb/*", filepath.Join(w.Dir, "*"),
	} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			w.Fatal(err)
		}
		for _, path := range paths {
			if filepath.Base(path) != "features" && !strings.HasPrefix(filepath.Base(path), "nbd") { // of the modules
				b.WriteString(path + "\n")
			}
		}
	}
	for _, path := range []string{"/proc/swaps", "/sys/module/zswap/parameters/enabled"} {
		text, err := os.ReadFile(path)
		if err != nil {
			w.Fatal(err)
		}
		b.Write(text)
	}
	sizes, err := filepath.Glob("/sys/block/nbd*/size")
	if err != nil {
		w.Fatal(err)
	}
	for _, path := range sizes {
		if text, err := os.ReadFile(path); err != nil || string(text) != "0\n" {
			b.WriteString(path + " is connected\n")
		}
	}
	for _, exe := range processes() {
		if filepath.Base(exe) == "nbdkit" || isFarswap(exe) {
			b.WriteString("a process of " + exe + "\n")
		}
	}
	return b.String()
}
