package sim

import (
	"errors"
	"strings"
	"testing"
)

func paper(t testing.TB) Workload {
	t.Helper()
	w, err := ParseWorkload(PaperWorkload())
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestPaperWorkload(t *testing.T) {
	w := paper(t)
	if w.Cluster.Machines != 32 || w.Cluster.Containers != 90 || len(w.Limits) != 3 || len(w.Programs) != 5 {
		t.Errorf("%+v", w)
	}
}

func TestBadWorkloads(t *testing.T) {
	good := PaperWorkload()
	for _, c := range []struct{ name, old, new, want string }{
		{"no TOML", "[cluster]", "[cluster", "line "},
		{"wrong type", "machines        = 32", `machines = "many"`, "machines"},
		{"unknown key", "machines        = 32", "machines = 32\ncolour = 1", `unknown key "cluster.colour"`},
		{"one machine", "machines        = 32", "machines = 1", "machines = 1"},
		{"too many machines", "machines        = 32", "machines = 65536", "machines = 65536"},
		{"no containers", "containers      = 90", "containers = 0", "containers = 0"},
		{"no time", "hours           = 1.0", "hours = 0.0", "hours = 0"},
		{"nan", "hours           = 1.0", "hours = nan", "hours = NaN"},
		{"warms up for ever", "warmup_s        = 1200", "warmup_s = 3600", "warmup_s = 3600"},
		{"base above memory", "base_gib        = 2.2", "base_gib = 65.0", "base_gib = 65"},
		{"no move", "move_gib_per_s     = 1.0", "move_gib_per_s = 0.0", "move_gib_per_s = 0"},
		{"limit of nothing", "local = 0.5", "local = 0.0", "limit: local = 0"},
		{"theta of one", "theta       = 0.90", "theta = 1.0", `workload "memcached-etc": theta = 1`},
		{"peak above the machine", "peak_gib    = 11.5", "peak_gib = 115.0", `workload "voltdb": peak_gib = 115`},
	} {
		text := strings.Replace(good, c.old, c.new, 1)
		if text == good {
			t.Fatalf("%s: %q is not in the file", c.name, c.old)
		}
		if _, err := ParseWorkload(text); !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	if _, err := ParseWorkload(""); !errors.Is(err, ErrConfig) {
		t.Errorf("empty file: %v", err)
	}
	weightless := strings.ReplaceAll(good, "weight      = 1.0", "weight = 0.0")
	if _, err := ParseWorkload(weightless); !errors.Is(err, ErrConfig) {
		t.Errorf("no weights: %v", err)
	}
}

// shortWorkload is valid, and short, since the fuzzer spends its time on shortening
// what it starts from.
const shortWorkload = "[cluster]\nmachines=2\nmemory_gib=64.0\nhours=1.0\ncontainers=1\n[model]\nmove_gib_per_s=1.0\n" +
	"[[limit]]\nof=1.0\nlocal=0.5\n[[workload]]\nweight=1.0\npeak_gib=1.0\nramp_s=1.0\nswing_s=1.0\nswap=1.0\n"

func TestShortWorkload(t *testing.T) {
	if _, err := ParseWorkload(shortWorkload); err != nil {
		t.Error(err)
	}
}

// What is read is valid, and what is not valid is an ErrConfig.
func FuzzParseWorkload(f *testing.F) {
	f.Add(shortWorkload)
	f.Add("")
	f.Add("[cluster]\nmachines = 2\n[[limit]]\nof = nan\n")
	f.Add("[[workload]]\nname = 1\n")
	f.Fuzz(func(t *testing.T, text string) {
		w, err := ParseWorkload(text)
		if err != nil {
			if !errors.Is(err, ErrConfig) {
				t.Fatalf("not an ErrConfig: %v", err)
			}
			return
		}
		if err := w.Validate(); err != nil {
			t.Fatal(err)
		}
	})
}
