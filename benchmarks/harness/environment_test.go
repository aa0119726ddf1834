package harness

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/farswap/farswap/bpf"
	"github.com/farswap/farswap/internal/loghist"
)

func TestReadEnvironment(t *testing.T) {
	e := testEnvironment(t)
	want := Environment{
		Kernel: "7.3.1", Architecture: e.Architecture, Product: "Box 9", CPU: "Fast CPU", CPUs: 2, Memory: 4 << 30, Virtualised: true,
		THP: "madvise", PageCluster: "3", Swappiness: "60", Governor: unknown, Zswap: unknown, OtherSwaps: []string{},
		Program: Program{Version: "v1", Commit: "abc", Build: "123", Go: "go1"},
	}
	if !reflect.DeepEqual(e, want) {
		t.Errorf("%+v, want %+v", e, want)
	}
	if _, err := readEnvironment(fstest.MapFS{}, Program{}); err == nil {
		t.Error("a machine without memory")
	}
}

func TestEnvironmentDiffers(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Environment)
		want   string
	}{
		{"same", func(*Environment) {}, ""},
		{"another boot", func(e *Environment) { e.Memory += 8 << 20 }, ""},
		{"kernel", func(e *Environment) { e.Kernel = "6.12" }, "kernel 7.3.1 there, 6.12 here"},
		{"processor", func(e *Environment) { e.CPU = "Slow CPU" }, "machine Box 9 Fast CPU × 2 there, Box 9 Slow CPU × 2 here"},
		{"memory", func(e *Environment) { e.Memory /= 2 }, "memory 4294967296 there, 2147483648 here"},
		{"commit", func(e *Environment) { e.Program.Commit = "def" }, "farswap commit abc there, def here"},
		{"build of one commit", func(e *Environment) { e.Program.Build = "9" }, ""},
		{"build", func(e *Environment) { e.Program = Program{Build: "9"} }, "farswap build 123 there, 9 here"},
	} {
		now := testEnvironment(t)
		c.change(&now)
		if got := strings.Join(testEnvironment(t).Differs(now), "; "); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestSwaps(t *testing.T) {
	text := "Filename\t\t\t\tType\t\tSize\tUsed\tPriority\n/dev/zram0 partition 1024 0 100\n/var/a\\040b file 1024 0 -2\n"
	all, err := readSwaps(fstest.MapFS{"proc/swaps": {Data: []byte(text)}})
	want := []swapArea{{"/dev/zram0", true}, {"/var/a\\040b", false}}
	if err != nil || !reflect.DeepEqual(all, want) {
		t.Errorf("%+v, %v", all, err)
	}
	if got := added(want[:1], want); !reflect.DeepEqual(got, want[1:]) {
		t.Errorf("added %+v", got)
	}
}

func TestBlockFolder(t *testing.T) {
	for _, c := range []struct {
		name  string
		files map[string]string
		want  bpf.Config
	}{
		{"zram", map[string]string{"dev": "252:0\n", "size": "2048\n"}, bpf.Config{Major: 252, Size: 1 << 20, SlabSize: 1 << 20, Queues: 1, Depth: 1}},
		{"disk", map[string]string{"dev": "254:16\n", "size": "2049\n", "mq/0/nr_tags": "64\n", "mq/1/nr_tags": "128\n"}, bpf.Config{Major: 254, Minor: 16, Size: 2049 * 512, SlabSize: 2 << 20, Queues: 2, Depth: 128}},
	} {
		dir := t.TempDir()
		for name, text := range c.files {
			path := filepath.Join(dir, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := blockFolder(dir); err != nil || got != c.want {
			t.Errorf("%s: %+v, %v, want %+v", c.name, got, err, c.want)
		}
	}
	if _, err := blockFolder(t.TempDir()); err == nil {
		t.Error("a folder of nothing")
	}
	if _, err := openProbes(swapArea{path: "/var/swap"}); err == nil {
		t.Error("probes on a file")
	}
}

func TestLatenciesSince(t *testing.T) {
	fault, swapin := bpf.Sources[0], bpf.Sources[1]
	before, now := &loghist.Histogram{}, &loghist.Histogram{}
	before.Record(1000)
	now.Record(1000)
	now.Record(5000)
	got := latenciesSince(
		bpf.Snapshot{Latency: map[bpf.Source]*loghist.Histogram{fault: before, swapin: before}},
		bpf.Snapshot{Latency: map[bpf.Source]*loghist.Histogram{fault: now, swapin: before}},
	)
	if len(got) != 1 || got[string(fault)].Count() != 1 || got[string(fault)].Sum != 5000 {
		t.Errorf("%+v", got)
	}
	got.add(got)
	if got[string(fault)].Count() != 2 {
		t.Errorf("%+v", got)
	}
}
