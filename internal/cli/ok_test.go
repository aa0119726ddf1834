package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/farswap/farswap/benchmarks/harness"
	"github.com/farswap/farswap/internal/cli/program"
)

func TestVersion(t *testing.T) {
	dir := t.TempDir()
	got := execute(t, dir, "version")
	if got.code != 0 || !strings.HasPrefix(got.stdout, "farswap ") || got.stderr != "" {
		t.Errorf("got %+v", got)
	}
	var v program.Info
	got = execute(t, dir, "version", "--json")
	if err := json.Unmarshal([]byte(got.stdout), &v); err != nil || v.Version == "" || v.Kernel == "" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestHelpAndCompletion(t *testing.T) {
	dir := t.TempDir()
	for args, part := range map[string]string{
		"":                  "Usage:",
		"--help":            "as swap",
		"--version":         "farswap (devel) (go",
		"ublk add --help":   "--backing",
		"ublk stop --help":  "--swapoff ",
		"ublk del --help":   "SIGBUS",
		"donor --help":      "--memory",
		"completion bash":   "farswap",
		"completion zsh":    "#compdef farswap",
		"completion fish":   "farswap",
		"__complete ublk":   "ublk",
		"__complete ublk s": "stop",
	} {
		got := execute(t, dir, strings.Fields(args)...)
		if got.code != 0 || !strings.Contains(got.stdout, part) {
			t.Errorf("%s: got code %d, %q lacks %q", args, got.code, got.stdout, part)
		}
	}
}

// TestNothingIsWritten: whoever gets no answer is told so.
func TestNothingIsWritten(t *testing.T) {
	for _, args := range []string{"", "--help", "ublk add --help", "help ublk", "--version", "version", "completion fish", "ublk list"} {
		cmd := farswap(t.TempDir(), strings.Fields(args)...)
		full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		var stderr strings.Builder
		cmd.Stdout, cmd.Stderr = full, &stderr
		_ = cmd.Run() // the exit code is looked at
		if code := cmd.ProcessState.ExitCode(); code != 1 || !strings.Contains(stderr.String(), "no space left") {
			t.Errorf("%q: exit code %d, %q", args, code, stderr.String())
		}
		if err := full.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestConfigFile: the file's options count, those of the command line win.
func TestConfigFile(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/donor.toml", "memory = '1M'\ninsecure = true\nlisten = '127.0.0.1:0'\nname = 'd'\n", 0o600)
	bad("from the file", 2, "donor --config donor.toml", "memory of 1048576 bytes").run(t, dir)
	bad("the flag wins", 2, "donor --config donor.toml --memory 2M", "memory of 2097152 bytes").run(t, dir)
}

// TestBenchLoad has phases come from standard input, and one that says nothing.
func TestBenchLoad(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/device", strings.Repeat("0", 1<<20), 0o600)
	for _, c := range []struct {
		lines string
		code  int
		wants string
	}{
		{"one 1000\ntwo 0\n", 0, `"swept_pages": 256`},
		{"one fast\n", 2, `phase "one fast": want a rate`},
		{"one\n", 2, `phase "one": want NAME RATE`},
	} {
		cmd := farswap(dir, "bench", "load", "--path", "device", "--size", "1M")
		cmd.Stdin = strings.NewReader(c.lines)
		output, _ := cmd.CombinedOutput() // the exit code is looked at
		if code := cmd.ProcessState.ExitCode(); code != c.code || !strings.Contains(string(output), c.wants) {
			t.Errorf("%q: exit code %d, %s", c.lines, code, output)
		}
	}
}

func TestBenchGrow(t *testing.T) {
	got := spawn(t, t.TempDir(), strings.Fields("bench grow --size 1M --rate 5M --after 50ms --below 1M")...)
	if got.code != 0 || !strings.Contains(got.stdout, `"steps": 5`) || !strings.Contains(got.stdout, `"mismatches": 0`) {
		t.Errorf("%+v", got)
	}
}

func TestBenchWork(t *testing.T) {
	got := spawn(t, t.TempDir(), strings.Fields("bench work scan --size 1M --threads 3")...)
	if got.code != 0 || !strings.Contains(got.stdout, "bandwidth") {
		t.Errorf("%+v", got)
	}
	cmd := farswap(t.TempDir(), strings.Fields("bench work gups --size 1M --json --wait")...)
	cmd.Stdin = strings.NewReader("\n")
	output, err := cmd.Output()
	if err != nil || !strings.HasPrefix(string(output), "ready\n[") || !strings.Contains(string(output), `"higher_is_better": true`) {
		t.Errorf("%s, %v", output, err)
	}
	got = spawn(t, t.TempDir(), strings.Fields("bench work gups --size 1M --wait")...)
	if got.code != 1 || !strings.Contains(got.stderr, "standard input") {
		t.Errorf("without the line: %+v", got)
	}
}

func TestBenchPaging(t *testing.T) {
	dir := t.TempDir()
	args := strings.Fields("bench paging --size 1M --ops 1000 --duration 0 --threads 2 --json --name")
	for _, name := range []string{"a", "b"} {
		got := spawn(t, dir, append(args, name)...)
		if got.code != 0 || !strings.Contains(got.stdout, `"mismatches": 0`) {
			t.Fatalf("got %+v", got)
		}
		write(t, dir+"/"+name, got.stdout, 0o600)
	}
	got := execute(t, dir, "bench", "compare", "a", "b")
	if got.code != 0 || !strings.Contains(got.stdout, "a is 1×") {
		t.Errorf("got %+v", got)
	}
	write(t, dir+"/c", strings.Replace(got.stdout, "a", "b", 1), 0o600)
	bad("not a result", 1, "bench compare a c", "c is not a result").run(t, dir)
}

// TestBenchList: what bench run knows, as text and as JSON.
func TestBenchList(t *testing.T) {
	dir := t.TempDir()
	if got := execute(t, dir, "bench", "list"); got.code != 0 || !strings.Contains(got.stdout, "gups") || !strings.Contains(got.stdout, "zram") {
		t.Errorf("%+v", got)
	}
	var entries struct {
		Workloads, Backends []struct{ Name, About string }
	}
	got := execute(t, dir, "bench", "list", "--json")
	if err := json.Unmarshal([]byte(got.stdout), &entries); err != nil || len(entries.Workloads) < 5 || len(entries.Backends) < 5 {
		t.Errorf("%+v, %v", entries, err)
	}
	known := map[string]bool{}
	for _, e := range append(entries.Workloads, entries.Backends...) {
		if e.Name == "" || e.About == "" || known[e.Name] {
			t.Errorf("%+v", e)
		}
		known[e.Name] = true
	}
}

// TestBenchReport: a result file in every form, and against itself.
func TestBenchReport(t *testing.T) {
	dir := t.TempDir()
	file, err := filepath.Abs("../../benchmarks/harness/testdata/result.json")
	if err != nil {
		t.Fatal(err)
	}
	for flag, part := range map[string]string{
		"":                              "95% interval",
		"--markdown":                    "## The paper's results",
		"--json":                        `"against_none"`,
		"--html page.html":              "",
		"--compare " + file:             "4 metrics, 0 regressions",
		"--compare=" + file + " --json": `"tolerance": 0.05`,
	} {
		got := execute(t, dir, append([]string{"bench", "report", file}, strings.Fields(flag)...)...)
		if got.code != 0 || !strings.Contains(got.stdout, part) || (part == "") != (got.stdout == "") || got.stderr != "" {
			t.Errorf("%s: %+v", flag, got)
		}
	}
	if page, err := os.ReadFile(dir + "/page.html"); err != nil || !strings.Contains(string(page), "<svg") {
		t.Errorf("%v", err)
	}
	// The same with the first metric of one backend at half its value.
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var slow harness.File
	if err := json.Unmarshal(data, &slow); err != nil {
		t.Fatal(err)
	}
	for _, r := range slow.Runs {
		if r.Backend == "zram" && r.Metrics != nil {
			r.Metrics[0].Value /= 2
		}
	}
	if data, err = json.Marshal(slow); err != nil {
		t.Fatal(err)
	}
	write(t, dir+"/slow.json", string(data), 0o600)
	got := execute(t, dir, "bench", "report", "slow.json", "--compare", file)
	if got.code != 1 || !strings.Contains(got.stdout, "REGRESSION") || !strings.Contains(got.stderr, "slower than before, by more than 0.05") {
		t.Errorf("%+v", got)
	}
}
