package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/benchmarks"
	"github.com/farswap/farswap/status"
)

const verbsArgs = "bench verbs --transport tcp --ops 100 --size 1,4K --depth 1,7"

// verbsFields are the fields of a row that others read.
var verbsFields = []string{"op", "transport", "size", "depth", "p50_ns", "p99_ns", "ops_per_s", "ops"}

func requireVerbsRows(t *testing.T, got result) {
	t.Helper()
	var rows []map[string]any
	if err := json.Unmarshal([]byte(got.stdout), &rows); err != nil || got.code != 0 || got.stderr != "" || len(rows) != 8 {
		t.Fatalf("got %+v, %v", got, err)
	}
	for i, row := range rows {
		for _, name := range verbsFields {
			if row[name] == nil || row[name] == 0.0 {
				t.Errorf("row %d has no %s: %v", i, name, row)
			}
		}
		if row["transport"] != "tcp" || row["ops"] != 100.0 || row["op"] != []string{"read", "write"}[i/4] {
			t.Errorf("row %d is %v", i, row)
		}
	}
}

// TestBenchVerbsAlone: without a donor it starts one and leaves nothing of it.
func TestBenchVerbsAlone(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	requireVerbsRows(t, spawn(t, dir, strings.Fields(verbsArgs+" --json")...))
	got := spawn(t, dir, strings.Fields(verbsArgs)...)
	lines := strings.Split(strings.TrimSuffix(got.stdout, "\n"), "\n")
	if got.code != 0 || got.stderr != "" || len(lines) != 9 || !strings.Contains(lines[0], "P50") {
		t.Errorf("got %+v", got)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestBenchVerbsAuto measures over whatever this machine has.
func TestBenchVerbsAuto(t *testing.T) {
	got := spawn(t, t.TempDir(), strings.Fields("bench verbs --ops 10 --size 4K --depth 1 --json")...)
	var rows []benchmarks.VerbsRow
	if err := json.Unmarshal([]byte(got.stdout), &rows); err != nil || got.code != 0 || len(rows) != 2 ||
		!slices.Contains([]string{"tcp", "rdma"}, rows[0].Transport) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestBenchVerbsOfDonor(t *testing.T) {
	dir := t.TempDir()
	donor, log := startDonor(t, dir, "--insecure")
	socket := status.Socket(status.DonorDir(filepath.Join(dir, "state"), "d"))
	d, err := status.FetchDonor(t.Context(), socket)
	if err != nil {
		t.Fatal(err)
	}
	requireVerbsRows(t, spawn(t, dir, strings.Fields(verbsArgs+" --json --insecure --donor "+d.Address)...))
	if d, err = status.FetchDonor(t.Context(), socket); err != nil || d.Memory.Mapped != 0 {
		t.Errorf("not given back: %+v, %v", d.Memory, err)
	}
	if err := donor.Process.Signal(unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := donor.Wait(); err != nil {
		t.Errorf("the donor ended with %v: %s", err, log)
	}
}

// TestBenchVerbsSignal: a signal ends it, and its donor.
func TestBenchVerbsSignal(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	cmd := farswap(dir, strings.Fields("bench verbs --transport tcp --size 4K --duration 1h --json")...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(commandTimeout)
	for { // until there is the folder, and the donor's in it; tree() fails when one of them changes meanwhile
		if found, err := filepath.Glob(filepath.Join(dir, "*", "*")); err != nil {
			t.Fatal(err)
		} else if len(found) > 0 {
			break
		}
		if time.Now().After(deadline) {
			_ = cmd.Process.Kill()
			t.Fatal("no donor was started")
		}
		time.Sleep(time.Millisecond)
	}
	if err := cmd.Process.Signal(unix.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("ended with %v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestBenchVerbsBadInput(t *testing.T) {
	const donor = "bench verbs --insecure --donor 127.0.0.1:1"
	dir := t.TempDir()
	for _, c := range []badCase{
		bad("operation", 2, donor+" --op read,swap", `--op "swap"|read or write`),
		bad("size zero", 2, donor+" --size 0", "--size 0|1 to 1M"),
		bad("size large", 2, donor+" --size 4K,2M", "--size 2M|1 to 1M"),
		bad("size word", 2, donor+" --size big", `"big" is not a size`),
		bad("no size", 2, donor+" --size=", "--size|the value is empty"),
		bad("depth zero", 2, donor+" --depth 0", "a depth of 0|1 to 256"),
		bad("depth large", 2, donor+" --depth 1,257", "a depth of 257|1 to 256"),
		bad("depth word", 2, donor+" --depth deep", "--depth"),
		bad("operations", 2, donor+" --ops 0", "--ops 0"),
		bad("operations and duration", 2, donor+" --ops 1 --duration 1s", "exclude each other"),
		bad("duration zero", 2, donor+" --duration 0", "rows without end"),
		bad("duration negative", 2, donor+" --duration=-1s", "-1s"),
		bad("spin negative", 2, donor+" --spin=-1s", "-1s"),
		bad("transport", 2, donor+" --transport pigeon", `"pigeon"|auto, rdma or tcp`),
		bad("insecure elsewhere", 2, "bench verbs --insecure --donor 10.0.0.1:9400", "10.0.0.1:9400|loopback addresses only"),
		bad("no identity", 2, "bench verbs --donor 10.0.0.1:9400", "--cert FOLDER"),
		bad("identity missing", 1, "bench verbs --donor 10.0.0.1:9400 --cert nowhere", "nowhere|farswap cert issue"),
		bad("identity without donor", 2, "bench verbs --cert nowhere", "--cert means nothing without --donor"),
		bad("donor without port", 2, "bench verbs --insecure --donor localhost", `"localhost"|HOST:PORT`),
		bad("nobody there", 1, donor, "127.0.0.1:1|nobody listens there"),
		bad("argument", 2, "bench verbs fast", `unexpected argument "fast"`),
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, dir) })
	}
}
