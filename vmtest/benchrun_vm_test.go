//go:build vm

package vmtest

import (
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/farswap/farswap/benchmarks/backend"
	"github.com/farswap/farswap/benchmarks/harness"
)

// `farswap bench run` as a person would use it.

// benchRun runs an application on backends and keeps the results in file.
func (w *World) benchRun(file, backends string, options ...string) *Process {
	w.Helper()
	return w.Start(nil, append([]string{
		"farswap", "bench", "run", "--workload", "gups", "--backend", backends, "--limit", "50%", "--size", "48M",
		"--duration", "1s", "--runs", "1", "--warmup", "0", "--dir", w.Dir, "--json", file,
	}, options...)...)
}

// benchRuns measures an application from end to end.
func benchRuns(w *World) {
	before := w.inUse()
	file := filepath.Join(w.Logs, "bench-run.json")
	out := w.benchRun(file, "zram,farswap-tcp").Succeed(15 * time.Minute)
	if !strings.Contains(out, "farswap-tcp") {
		w.Errorf("the report does not name what was measured:\n%s", out)
	}
	results, err := harness.Load(file)
	if err != nil {
		w.Fatal(err)
	}
	measured := map[string]bool{}
	for _, r := range results.Runs {
		if r.Failed != "" || len(r.Metrics) == 0 {
			w.Errorf("%s: failed: %q, %d figures", r.Backend, r.Failed, len(r.Metrics))
		}
		measured[r.Backend] = true
	}
	rows := map[string]bool{}
	for _, r := range results.Rows {
		rows[r.Backend] = true
	}
	for _, name := range []string{"none", "zram", "farswap-tcp"} {
		if !measured[name] || !rows[name] {
			w.Errorf("%s is missing in the runs or rows of %s", name, file)
		}
	}
	w.noChange(before)
}

// benchKilled kills a run in the middle. What it leaves is named, and can be taken away.
func benchKilled(w *World) {
	before := w.inUse()
	file := filepath.Join(w.Dir, "results.json")
	run := w.benchRun(file, "farswap-tcp-remote-only")
	w.Until(10*time.Minute, "it swaps", func() bool {
		if !run.Running() {
			w.Fatalf("it ended: %s", tail(run.Stderr(), 5))
		}
		return swapped()
	})
	run.Kill()
	w.Defer(func() { w.Run("sh", backend.Undo) }) // if the rest fails

	_, err := backend.All()[1].Up(w.ctx, w.backendOptions())
	if err == nil || !strings.Contains(err.Error(), "sh "+backend.Undo) {
		w.Errorf("after a run that was killed: %v, want an error with the command that takes it away", err)
	}
	w.Start(nil, "sh", backend.Undo).Succeed(2 * time.Minute)
	// Groups and folders of the application are empty now: the next run removes the groups.
	w.Must("sh", "-c", "rm -r "+w.Dir+"/*")
	w.benchRun(filepath.Join(w.Logs, "bench-after.json"), "zram").Succeed(5 * time.Minute)
	w.noChange(before)
}

// benchRefused is bad input that takes a real machine to see.
func benchRefused(w *World) {
	file := filepath.Join(w.Dir, "results.json")
	other := filepath.Join(w.Dir, "other.json")
	if err := os.WriteFile(other, []byte("{}"), 0o600); err != nil {
		w.Fatal(err)
	}
	before := w.inUse()
	for _, bad := range []struct {
		code    int
		says    string
		options []string
	}{
		{2, "floppy", []string{"--backend", "floppy"}},
		{2, "minesweeper", []string{"--workload", "minesweeper"}},
		{2, "0%", []string{"--limit", "0%"}},
		{2, w.Dir + "/none", []string{"--dir", w.Dir + "/none"}},
		{1, "mounted", []string{"--backend", "disk", "--device", "/dev/vda"}},
		{1, "no block device", []string{"--backend", "disk", "--device", "/dev/null"}},
		{1, "tmpfs", []string{"--backend", "farswap-tcp", "--dir", "/run"}},
		{1, "RDMA adapter", []string{"--backend", "farswap-rdma"}},
		{3, other, []string{"--json", other}},
	} {
		run := w.benchRun(file, "zram", bad.options...)
		r := run.Wait(time.Minute)
		w.OnlyError(r, bad.code, bad.says)
		w.NoFile(file)
	}
	w.OnlyError(w.Run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "farswap", "bench", "run", "--workload", "gups", "--backend", "zram"), 1, "root")
	w.noChange(before)
}

// noChange checks that nothing is there that was not before.
func (w *World) noChange(before string) {
	w.Helper()
	if after := w.inUse(); after != before {
		w.Errorf("something was left behind. Before:\n%s\nafter:\n%s", before, after)
	}
}
