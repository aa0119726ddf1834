//go:build vm

package bpf

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"farswap/internal/loghist"
)

// TestScale holds the buckets that the programs compute, compiled and run by this
// kernel, against those of package loghist.
func TestScale(t *testing.T) {
	spec, err := loadObjects()
	if err != nil {
		t.Fatal(err)
	}
	var objects struct {
		Scale *ebpf.Program `ebpf:"farswap_scale"`
	}
	if err := spec.LoadAndAssign(&objects, nil); err != nil {
		t.Fatal(err)
	}
	defer objects.Scale.Close()
	for _, ns := range durations() {
		scale := struct{ Ns, Index uint64 }{Ns: ns}
		if _, err := objects.Scale.Run(&ebpf.RunOptions{Context: scale, ContextOut: &scale}); err != nil {
			t.Fatal(err)
		}
		if want := loghist.Index(ns); int(scale.Index) != want {
			t.Errorf("%d ns is in bucket %d, want %d", ns, scale.Index, want)
		}
	}
}

// null is a block device of the kernel that answers after a delay.
type null struct {
	t             *testing.T
	path, folder  string
	queues, depth int
	size          int64
}

// newNull makes one that keeps what is written, or not.
func newNull(t *testing.T, delay time.Duration, keeps bool) *null {
	t.Helper()
	n := &null{t: t, queues: 2, depth: 64, size: 256 << 20}
	if out, err := exec.Command("modprobe", "null_blk", "nr_devices=0").CombinedOutput(); err != nil {
		t.Fatalf("modprobe null_blk: %v: %s", err, out)
	}
	_ = unix.Mount("none", "/sys/kernel/config", "configfs", 0, "") // it may be there
	n.folder = "/sys/kernel/config/nullb/test"
	if err := os.Mkdir(n.folder, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		n.set("power", 0)
		if err := os.Remove(n.folder); err != nil {
			t.Error(err)
		}
	})
	memory := 0
	if keeps {
		memory = 1
	}
	for name, value := range map[string]int{
		"size": int(n.size >> 20), "blocksize": 4096, "irqmode": 2, "completion_nsec": int(delay),
		"submit_queues": n.queues, "hw_queue_depth": n.depth, "memory_backed": memory,
	} {
		n.set(name, value)
	}
	n.set("power", 1)
	index, err := os.ReadFile(filepath.Join(n.folder, "index"))
	if err != nil {
		t.Fatal(err)
	}
	n.path = "/dev/nullb" + strings.TrimSpace(string(index))
	if _, err := os.Stat(n.path); err != nil {
		n.path = "/dev/test" // newer kernels name it after the folder
	}
	return n
}

func (n *null) set(name string, value int) {
	n.t.Helper()
	if err := os.WriteFile(filepath.Join(n.folder, name), []byte(fmt.Sprint(value)), 0); err != nil {
		n.t.Fatal(err)
	}
}

func (n *null) config() Config {
	n.t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(n.path, &st); err != nil {
		n.t.Fatal(err)
	}
	return Config{Major: unix.Major(st.Rdev), Minor: unix.Minor(st.Rdev), Size: n.size, SlabSize: 8 << 20, Queues: n.queues, Depth: n.depth}
}

func open(t *testing.T, c Config) *Probes {
	t.Helper()
	p, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func TestDelay(t *testing.T) {
	for _, delay := range []time.Duration{time.Millisecond, 5 * time.Millisecond, 20 * time.Millisecond} {
		t.Run(delay.String(), func(t *testing.T) {
			n := newNull(t, delay, false)
			p := open(t, n.config())
			t.Logf("%+v", p.Info())
			out, err := exec.Command("fio", "--name=x", "--filename="+n.path, "--direct=1", "--rw=randread", "--bs=4k", "--ioengine=libaio", "--iodepth=8",
				"--number_ios=500", "--percentile_list=1:50:99", "--output-format=terse", "--terse-version=3").CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			f := strings.Split(string(out), ";")
			t.Log(f[5:20])
			s, err := p.Read()
			if err != nil {
				t.Fatal(err)
			}
			h := s.Latency[BlockRead]
			for _, q := range []float64{0.01, 0.5, 0.9, 0.99, 1} {
				t.Logf("q%g %v bucket %d, want %d", q, time.Duration(h.Quantile(q)), loghist.Index(uint64(h.Quantile(q))), loghist.Index(uint64(delay)))
			}
			t.Log(h.Count(), s.Lost)
		})
	}
}
