//go:build vm

package bpf

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// null is a block device of the kernel (null_blk) that answers after a delay.
type null struct {
	t             *testing.T
	path, folder  string
	queues, depth int
	size          int64
}

// newNull makes one that keeps what is written, or not.
func newNull(t *testing.T, delay time.Duration, keeps bool) *null {
	t.Helper()
	n := &null{t: t, folder: "/sys/kernel/config/nullb/test", queues: 2, depth: 64, size: 64 << 20}
	run(t, "modprobe", "null_blk", "nr_devices=0")
	if _, err := os.Stat(filepath.Dir(n.folder)); err != nil {
		run(t, "mount", "-t", "configfs", "none", "/sys/kernel/config")
	}
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
	n.path = "/dev/test" // newer kernels name it after the folder
	if _, err := os.Stat(n.path); err != nil {
		index, err := os.ReadFile(filepath.Join(n.folder, "index"))
		if err != nil {
			t.Fatal(err)
		}
		n.path = "/dev/nullb" + strings.TrimSpace(string(index))
	}
	return n
}

func run(t *testing.T, argv ...string) []byte {
	t.Helper()
	out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", strings.Join(argv, " "), err, out)
	}
	return out
}

func (n *null) set(name string, value int) {
	n.t.Helper()
	if err := os.WriteFile(filepath.Join(n.folder, name), strconv.AppendInt(nil, int64(value), 10), 0); err != nil {
		n.t.Fatal(err)
	}
}

func (n *null) config() Config {
	n.t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(n.path, &st); err != nil {
		n.t.Fatal(err)
	}
	return Config{Major: unix.Major(st.Rdev), Minor: unix.Minor(st.Rdev), Size: n.size, SlabSize: 4 << 20, Queues: n.queues, Depth: n.depth}
}

// read has fio read random pages, and gives percentiles of its completion latency.
func (n *null) read(count, depth int) map[int]time.Duration {
	n.t.Helper()
	out := run(n.t, "fio", "--name=read", "--filename="+n.path, "--direct=1", "--rw=randread", "--bs=4k", "--ioengine=libaio",
		"--iodepth="+strconv.Itoa(depth), "--number_ios="+strconv.Itoa(count), "--percentile_list=50:99", "--output-format=json")
	var result struct {
		Jobs []struct {
			Read struct {
				Latency struct {
					Percentile map[string]int64 `json:"percentile"`
				} `json:"clat_ns"`
			} `json:"read"`
		} `json:"jobs"`
	}
	if err := json.Unmarshal(out, &result); err != nil || len(result.Jobs) != 1 {
		n.t.Fatalf("fio: %v: %s", err, out)
	}
	p := result.Jobs[0].Read.Latency.Percentile
	return map[int]time.Duration{50: time.Duration(p["50.000000"]), 99: time.Duration(p["99.000000"])}
}

// wait waits until nothing is under way.
func (n *null) wait() {
	n.t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		inflight, err := os.ReadFile("/sys/block/" + filepath.Base(n.path) + "/inflight")
		if err != nil {
			n.t.Fatal(err)
		}
		if strings.Join(strings.Fields(string(inflight)), " ") == "0 0" {
			return
		}
		if time.Now().After(end) {
			n.t.Fatalf("requests in flight after 20s: %s", inflight)
		}
	}
}

// swapOn makes it the only swap for the test.
func (n *null) swapOn() {
	n.t.Helper()
	run(n.t, "mkswap", n.path)
	run(n.t, "swapon", n.path)
	n.t.Cleanup(func() { run(n.t, "swapoff", n.path) })
}

// setCluster sets how many pages the kernel reads at once, as a power of two.
func setCluster(t *testing.T, power int) {
	t.Helper()
	const path = "/proc/sys/vm/page-cluster"
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, strconv.AppendInt(nil, int64(power), 10), 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.WriteFile(path, before, 0); err != nil {
			t.Error(err)
		}
	})
}

// inCgroup has this process in a control group for the test.
func inCgroup(t *testing.T, name string) {
	t.Helper()
	dir := "/sys/fs/cgroup/" + name
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	pid := []byte(strconv.Itoa(os.Getpid()))
	if err := os.WriteFile(dir+"/cgroup.procs", pid, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.WriteFile("/sys/fs/cgroup/cgroup.procs", pid, 0); err != nil {
			t.Error(err)
		}
		if err := os.Remove(dir); err != nil {
			t.Error(err)
		}
	})
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
	for _, m := range p.Info().Missing {
		t.Errorf("%s is missing: %v", m.Source, m.Why)
	}
	return p
}
