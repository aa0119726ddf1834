package harness

import (
	"errors"
	"fmt"
	"math/bits"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/bpf"
	"github.com/farswap/farswap/internal/loghist"
)

// Latencies are histograms of what the probes measured, by the names of package bpf.
type Latencies map[string]*loghist.Histogram

// probes measure paging latency in the kernel.
type probes interface {
	Read() (bpf.Snapshot, error)
	Close() error
}

// errNoBlockDevice means that the swap is in a file. Probes identify swap by block device.
var errNoBlockDevice = errors.New("swap in a file: latencies are measured of block devices only")

// openProbes attaches probes to the device of a swap area. It describes the device as one
// slab, because only the backend knows of slabs.
func openProbes(area swapArea) (probes, error) {
	if !area.block {
		return nil, errNoBlockDevice
	}
	config, err := blockConfig("/sys", area.path)
	if err != nil {
		return nil, err
	}
	return bpf.Open(config)
}

// blockConfig reads below sys the whole device of the block device at path.
func blockConfig(sys, path string) (bpf.Config, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return bpf.Config{}, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	number := fmt.Sprintf("%d:%d", unix.Major(st.Rdev), unix.Minor(st.Rdev))
	dir, err := filepath.EvalSymlinks(filepath.Join(sys, "dev/block", number))
	if err != nil {
		return bpf.Config{}, fmt.Errorf("find %s below /sys: %w", path, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "partition")); err == nil {
		dir = filepath.Dir(dir)
	}
	return blockFolder(dir)
}

// blockFolder reads the folder of a whole block device below /sys.
func blockFolder(dir string) (bpf.Config, error) {
	files := os.DirFS(dir)
	dev, err := os.ReadFile(filepath.Join(dir, "dev"))
	if err != nil {
		return bpf.Config{}, err
	}
	c := bpf.Config{Queues: 1, Depth: 1}
	if _, err := fmt.Sscanf(string(dev), "%d:%d", &c.Major, &c.Minor); err != nil {
		return c, fmt.Errorf("%s/dev: %w: %q", dir, errFormat, strings.TrimSpace(string(dev)))
	}
	sectors, err := readNumber(files, "size")
	if err != nil {
		return c, err
	}
	const sector = 512
	c.Size = max(sectors, 1) * sector
	c.SlabSize = 1 << bits.Len64(uint64(c.Size-1))
	c.SlabSize = max(c.SlabSize, sector)
	queues, _ := filepath.Glob(filepath.Join(dir, "mq", "*", "nr_tags"))
	for _, file := range queues { // there are none for a driver without requests, such as zram
		text, err := os.ReadFile(file)
		if err != nil {
			return c, err
		}
		tags, err := strconv.Atoi(strings.TrimSpace(string(text)))
		if err != nil {
			return c, fmt.Errorf("%s: %w: %w", file, errFormat, err)
		}
		c.Depth = max(c.Depth, tags)
	}
	c.Queues = max(c.Queues, len(queues))
	return c, nil
}

// latenciesSince returns what was measured between before and now.
func latenciesSince(before, now bpf.Snapshot) Latencies {
	l := Latencies{}
	for source, h := range now.Latency {
		old := before.Latency[source]
		if old == nil {
			old = &loghist.Histogram{}
		}
		if d := h.Since(old); d.Count() > 0 {
			l[string(source)] = &d
		}
	}
	return l
}

// add adds the durations of another run.
func (l Latencies) add(o Latencies) {
	for source, h := range o {
		if l[source] == nil {
			l[source] = &loghist.Histogram{}
		}
		l[source].Add(h)
	}
}
