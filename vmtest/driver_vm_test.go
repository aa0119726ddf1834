//go:build vm

package vmtest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/farswap/farswap/status"
)

// The driver alone, without slabs and donors.

func driverNull(w *World) {
	d := w.Add("--target", "null", "--size", "256M")
	var s status.Device
	if err := json.Unmarshal([]byte(w.Must("farswap", "ublk", "status", d.Path, "--json")), &s); err != nil {
		w.Fatal(err)
	}
	if s.State != "live" || s.Target != "null" || s.Size != 256<<20 {
		w.Errorf("status: state %s, target %s, size %d", s.State, s.Target, s.Size)
	}
	out := w.Must("fio", "--name=null", "--filename="+d.Path, "--rw=randrw", "--bs=4k", "--iodepth=32", "--ioengine=libaio",
		"--direct=1", "--size=32m", "--numjobs=2", "--thread", "--group_reporting", "--output-format=json")
	r, err := parseFio(out)
	if err != nil {
		w.Fatal(err)
	}
	w.Logf("null, depth 2×32: %.0f reads/s, %.0f writes/s", r.Read.IOPS, r.Write.IOPS)
	d.Stop()
}

func driverLoop(w *World) {
	file := filepath.Join(w.Dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		w.Fatal(err)
	}
	if err := os.Truncate(file, 128<<20); err != nil {
		w.Fatal(err)
	}
	d := w.Add("--target", "loop", "--backing", file)
	w.Verify(d.Path, Fio{Name: "loop", RW: "randtrimwrite", Block: "4k", Depth: 16, Jobs: 2, PerJob: 4 << 20, Timeout: time.Minute})
	d.Stop()
	if info, err := os.Stat(file); err != nil || info.Size() != 128<<20 {
		w.Errorf("the file is not what it was: %v, %v", info, err)
	}
}

// A hard disk keeps what was written, and is as slow as one: never faster, whatever the
// machine, and slower at random than in sequence.
func driverHDD(w *World) {
	d := w.Add("--target", "hdd", "--size", "256M")
	if turns, err := os.ReadFile(filepath.Join("/sys/block", filepath.Base(d.Path), "queue/rotational")); err != nil || string(turns) != "1\n" {
		w.Errorf("rotational: %q, %v", turns, err)
	}
	w.Verify(d.Path, Fio{Name: "hdd", RW: "randwrite", Block: "4k", Depth: 4, Jobs: 2, PerJob: 256 << 10, Timeout: time.Minute})
	rate := func(rw, block, size string) float64 {
		r, err := parseFio(w.Must("fio", "--name="+rw, "--filename="+d.Path, "--rw="+rw, "--bs="+block, "--io_size="+size, "--size=256m",
			"--ioengine=libaio", "--direct=1", "--thread", "--output-format=json"))
		if err != nil {
			w.Fatal(err)
		}
		return r.Read.IOPS
	}
	random, sequential := rate("randread", "4k", "1200k"), rate("read", "128k", "64m")
	w.Logf("%.0f pages/s at random, %.1f MB/s in sequence", random, sequential*0.131072)
	if random > 135 {
		w.Errorf("%.0f random pages a second: want 126 at most, give or take luck", random)
	}
	if mb := sequential * 0.131072; mb > 151 || sequential < 2*random {
		w.Errorf("%.1f MB/s in sequence: want 150 at most, and much more than the %.0f pages/s at random", mb, random)
	}
	d.Stop()
}

// Queues, depths and request sizes at their limits.
func driverShapes(w *World) {
	for _, shape := range [][]string{
		{"--queues", "1", "--depth", "1"},
		{"--queues", "2", "--depth", "1"},
		{"--queues", "1", "--depth", "4096", "--max-io", "4K"},
		{"--queues", "2", "--depth", "2", "--max-io", "32M"},
		{"--size", "4K"},
		{"--size", "1T"},
		{"--id", "7"},
	} {
		w.Phase("shape %v", shape)
		d := w.Add(append([]string{"--target", "null", "--size", "64M"}, shape...)...)
		w.Must("dd", "if="+d.Path, "of=/dev/null", "bs=4k", "count=1", "iflag=direct")
		d.Stop()
	}
}

// A program of another module serves a RAM disk, with blocks of 512 bytes.
func driverStranger(w *World) {
	p := w.Start(nil, "stranger")
	path := ""
	w.Until(commandTimeout, "the stranger's disk is there", func() bool {
		if !p.Running() {
			w.Fatalf("the stranger has ended: %s", p.Stderr())
		}
		path = strings.TrimSpace(p.Stdout())
		return path != ""
	})
	w.Verify(path, Fio{Name: "stranger", RW: "randwrite", Block: "512", Depth: 8, Jobs: 2, PerJob: 256 << 10, Timeout: time.Minute})
	p.Signal(syscall.SIGTERM)
	if out := p.Succeed(commandTimeout); !strings.Contains(out, "served ") {
		w.Errorf("the stranger does not say what it has served: %q", out)
	}
	w.NoFile(path)
}
