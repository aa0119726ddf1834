package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/farswap/farswap/internal/cli/command"
	"github.com/farswap/farswap/sim"
)

// quickWorkload writes a file: the paper's cluster for three virtual minutes.
func quickWorkload(t *testing.T, dir string) {
	t.Helper()
	got := execute(t, dir, "sim", "paper", "--print-workload")
	if got.code != command.ExitDone || got.stdout != sim.PaperWorkload() {
		t.Fatalf("%+v", got)
	}
	text := strings.Replace(got.stdout, "hours           = 1.0", "hours = 0.05", 1)
	text = strings.Replace(text, "warmup_s        = 1200", "warmup_s = 60", 1)
	write(t, filepath.Join(dir, "quick.toml"), text, 0o644)
	write(t, filepath.Join(dir, "bad.toml"), strings.Replace(text, "machines        = 32", "machines = 0", 1), 0o644)
	write(t, filepath.Join(dir, "full.toml"), strings.Replace(text, "machines        = 32", "machines = 4", 1), 0o644)
}

func TestSim(t *testing.T) {
	dir := t.TempDir()
	quickWorkload(t, dir)
	for _, c := range []struct {
		args string
		want []string
	}{
		{"paper --runs 2 --plot pictures", []string{"32 machines, 90 containers", "memory used", "max/median"}},
		{"latency --slow-from 2m --slow-for 1m", []string{"machine ", "its hot slabs left in", "SLOW TO"}},
		{"policies --runs 1", []string{"power of two, new machines first", "E′ = 10", "256 MiB"}},
		{"scale --machines 8,16 --hours 0.05 --plot pictures --plot-format svg", []string{"machines", "8 ", "16 "}},
	} {
		args := append([]string{"sim"}, strings.Fields(c.args)...)
		got := execute(t, dir, append(args, "--workload", "quick.toml")...)
		if got.code != command.ExitDone || got.stderr != "" { // no bar: this is no terminal
			t.Fatalf("%s: %+v", c.args, got)
		}
		for _, want := range c.want {
			if !strings.Contains(got.stdout, want) {
				t.Errorf("%s: no %q in\n%s", c.args, want, got.stdout)
			}
		}
	}
	for _, name := range []string{"use.png", "machines.png", "evictions.png", "scale.svg"} {
		if _, err := os.Stat(filepath.Join(dir, "pictures", name)); err != nil {
			t.Error(err)
		}
	}
}

func TestSimJSON(t *testing.T) {
	dir := t.TempDir()
	quickWorkload(t, dir)
	numbers := func(args string) map[string]any {
		got := execute(t, dir, append(strings.Fields(args), "--workload", "quick.toml", "--json")...)
		var fields map[string]any
		if err := json.Unmarshal([]byte(got.stdout), &fields); err != nil || got.code != command.ExitDone {
			t.Fatalf("%s: %v, %+v", args, err, got)
		}
		return fields
	}
	fields := numbers("sim paper --runs 2")
	for _, key := range []string{"used_without", "used_with", "max_over_median", "max_over_min", "evictions", "machines"} {
		if _, ok := fields[key].(float64); !ok {
			t.Errorf("paper: %s is %v", key, fields[key])
		}
	}
	if fields["used_unit"] != "percent" || fields["machines"] != 32.0 {
		t.Errorf("paper: %v", fields)
	}
	fields = numbers("sim scale --machines 8,16 --hours 0.05")
	for _, key := range []string{"wall_s", "peak_bytes", "ns_per_event", "used_with"} {
		if n, ok := fields[key].(float64); !ok || n <= 0 {
			t.Errorf("scale: %s is %v", key, fields[key])
		}
	}
	if runs, _ := fields["runs"].([]any); len(runs) != 2 || fields["machines"] != 16.0 {
		t.Errorf("scale: %v", fields)
	}
}

func TestSimBadInput(t *testing.T) {
	dir := t.TempDir()
	quickWorkload(t, dir)
	write(t, filepath.Join(dir, "file"), "", 0o644)
	for _, c := range []badCase{
		bad("nothing", 2, "sim", "want one of latency, paper, policies, scale"),
		bad("argument", 2, "sim paper now", `unexpected argument "now"`),
		bad("no file", 2, "sim paper --workload none.toml", "workload|none.toml"),
		bad("bad file", 2, "sim policies --workload bad.toml", "bad.toml|machines = 0"),
		bad("full", 2, "sim paper --workload full.toml", "fit on no machine"),
		bad("runs", 2, "sim paper --runs 0", "--runs 0"),
		bad("runs of policies", 2, "sim policies --runs 1001", "--runs 1001"),
		bad("slab", 2, "sim paper --slab 5M", "slab of 5242880"),
		bad("choices", 2, "sim paper --choices 0", "0 choices"),
		bad("extra", 2, "sim paper --extra=-1", "-1 extra"),
		bad("seed", 2, "sim paper --seed=-1", "--seed"),
		bad("format", 2, "sim paper --plot x --plot-format gif", `"gif"|png or svg`),
		bad("folder", 2, "sim paper --plot file/x", "--plot|file/x"),
		bad("machines", 2, "sim scale --machines 1", "machines = 1"),
		bad("too many machines", 2, "sim scale --machines 10,65536", "machines = 65536"),
		bad("no machines", 2, "sim scale --machines=", "--machines"),
		bad("hours", 2, "sim scale --hours 0", "hours = 0"),
		bad("known", 2, "sim scale --known 0", "--known 0"),
		bad("slow from the start", 2, "sim latency --slow-from 0s", "--slow-from 0s"),
		bad("slow for less than nothing", 2, "sim latency --slow-for=-1s", "--slow-for -1s"),
		bad("no latency", 2, "sim latency --base-ms 0", "base_ms = 0"),
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, dir) })
	}
}
