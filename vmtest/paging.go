package vmtest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/farswap/farswap/benchmarks"
)

// Paging is a run of `farswap bench paging` with less memory than it uses.
type Paging struct {
	*Process
	w     *World
	group string // folder of its control group
}

// Page starts a program that uses size bytes of memory and may have limit bytes
// of RAM, so that it swaps the rest. It checks every page that it touches.
func (w *World) Page(size, limit int64, options ...string) *Paging {
	w.Helper()
	cgroup := filepath.Join("/sys/fs/cgroup", "vmtest-"+strconv.Itoa(w.count))
	if err := os.Mkdir(cgroup, 0o755); err != nil {
		w.Fatal(err)
	}
	w.Defer(func() {
		if err := os.Remove(cgroup); err != nil {
			w.Error(err)
		}
	})
	err := os.WriteFile(filepath.Join(cgroup, "memory.max"), strconv.AppendInt(nil, limit, 10), 0)
	if err != nil {
		w.Fatal(err)
	}
	dir, err := os.Open(cgroup)
	if err != nil {
		w.Fatal(err)
	}
	defer dir.Close()
	argv := append([]string{"farswap", "bench", "paging", "--json", "--size", strconv.FormatInt(size, 10)}, options...)
	return &Paging{w.Start(&syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(dir.Fd())}, argv...), w, cgroup}
}

// PageUntilTold is Page for a program whose phase goes on until Told.
func (w *World) PageUntilTold(size, limit int64, options ...string) *Paging {
	w.Helper()
	return w.Page(size, limit, append(options, "--duration", "24h")...)
}

// Told ends the program's phase. The program must have worked until now, and must then
// pass Check.
func (p *Paging) Told(timeout time.Duration) benchmarks.PagingResult {
	p.w.Helper()
	if !p.Running() {
		p.w.Error("the program has ended before it was told to")
		return p.Check(timeout)
	}
	p.Signal(syscall.SIGUSR1)
	return p.Check(timeout)
}

// Limit changes the bytes of RAM that the program may have.
func (p *Paging) Limit(bytes int64) {
	p.w.Helper()
	p.set("memory.max", bytes)
}

// Throttle has the kernel slow the program down, and not kill it, where it has more than bytes of RAM and swap is
// not fast enough. With a bare limit the kernel's OOM killer takes a program whose pages get nowhere for about a
// second.
func (p *Paging) Throttle(bytes int64) {
	p.w.Helper()
	p.set("memory.high", bytes)
	p.Limit(2 * bytes)
}

// set sets a value of the program's control group.
func (p *Paging) set(file string, value int64) {
	p.w.Helper()
	if err := os.WriteFile(filepath.Join(p.group, file), strconv.AppendInt(nil, value, 10), 0); err != nil {
		p.w.Fatal(err)
	}
}

// LimitZswap bounds the bytes of memory that zswap's copies of the program's pages take.
func (p *Paging) LimitZswap(bytes int64) {
	p.w.Helper()
	p.set("memory.zswap.max", bytes)
}

// Check waits for the end of the run. Every page must have been right, and
// some must have been swapped.
func (p *Paging) Check(timeout time.Duration) benchmarks.PagingResult {
	p.w.Helper()
	var r benchmarks.PagingResult
	if err := json.Unmarshal([]byte(p.Succeed(timeout)), &r); err != nil {
		p.w.Fatalf("%s: %v", p.name, err)
	}
	if r.Mismatches != 0 || r.SweptPages == 0 {
		p.w.Errorf("%d of %d pages were wrong", r.Mismatches, r.SweptPages)
	}
	if r.PswpIn == 0 || r.PswpOut == 0 {
		p.w.Errorf("%d pages swapped in, %d out: this shows nothing", r.PswpIn, r.PswpOut)
	}
	for _, phase := range r.Phases {
		p.w.Logf("paging %-8s %7d accesses, %6.0f/s, p50 %v, p99 %v", phase.Pattern, phase.Accesses, phase.AccessesPerSecond,
			time.Duration(phase.P50NS), time.Duration(phase.P99NS))
	}
	p.w.Logf("paging swapped %d pages in, %d out, %d of %d wrong", r.PswpIn, r.PswpOut, r.Mismatches, r.SweptPages)
	return r
}
