package backend

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"
)

// profile is the model of a disk without moving parts. Its pages are in memory (null_blk,
// memory_backed). A timer ends each request, and at most depth requests of a queue are under
// way. The kernel's own time for a request adds to the latency; on an emulated machine that
// is more than the latency of an NVMe disk. Reads and writes take the same time. There is no
// write cache, no wear, and no garbage collection.
type profile struct {
	name, about string
	latency     time.Duration // of each request, whatever its size
	rate        int           // MiB/s, of all requests together
	depth       int           // requests under way, per queue
	queues      int           // 0: one for each CPU
}

var (
	sataSSD = profile{name: "sata-ssd", about: "an SSD at SATA: 100 µs, 500 MiB/s, one queue of 32", latency: 100 * time.Microsecond, rate: 500, depth: 32, queues: 1}
	nvme    = profile{name: "nvme", about: "an NVMe disk: 20 µs, 3000 MiB/s, a queue of 256 for each CPU", latency: 20 * time.Microsecond, rate: 3000, depth: 256}
)

const nullbConfig = "/sys/kernel/config/nullb"

// flash is swap on a disk of a profile.
func flash(p profile) Backend {
	return Backend{
		Name:  p.name,
		About: p.about + "; modelled by null_blk, in memory",
		Lacks: lacks(hasModule("null_blk")),
		Up:    brings(p.name, func(ctx context.Context, b *bringUp) error { return p.up(ctx, b) }),
	}
}

func (p profile) up(ctx context.Context, b *bringUp) error {
	if p.queues == 0 {
		p.queues = runtime.NumCPU()
	}
	if err := module(ctx, "configfs"); err != nil {
		return err
	}
	if err := module(ctx, "null_blk", "nr_devices=0"); err != nil {
		return err
	}
	name := "farswap-" + p.name
	dir := filepath.Join(nullbConfig, name)
	if err := b.then("[ ! -e %s ] || { echo 0 >%s/power; rmdir %s; }", dir, dir, dir); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		if _, missing := os.Stat(nullbConfig); missing != nil {
			return fmt.Errorf("a null_blk device: %w: run `mount -t configfs config /sys/kernel/config` first", missing)
		}
		return fmt.Errorf("a null_blk device: %w", err)
	}
	for _, s := range p.settings(b.Size) {
		if err := set(filepath.Join(dir, s.Name), s.Value); err != nil {
			return err
		}
	}
	path := filepath.Join("/dev", name) // the folder's name, since Linux 6.1
	err := until(ctx, commandTimeout, path, func() (bool, error) {
		_, err := os.Stat(path)
		return err == nil, nil
	})
	if err != nil {
		return err
	}
	b.fact("profile", "%v a request, %d MiB/s; queues: %d of depth %d", p.latency, p.rate, p.queues, p.depth)
	b.fact("model", "null_blk in memory: latency and rate alone, without cache or wear")
	return b.swapOn(ctx, path, "--discard=pages")
}

// settings returns the files of null_blk's folder in configfs, in the order of writing.
func (p profile) settings(size int64) []Fact {
	return []Fact{
		{"size", strconv.FormatInt(size/MinSize, 10)}, // MiB
		{"blocksize", strconv.Itoa(pageSize)},
		{"memory_backed", "1"},
		{"discard", "1"},
		{"queue_mode", "2"}, // blk-mq
		{"submit_queues", strconv.Itoa(p.queues)},
		{"hw_queue_depth", strconv.Itoa(p.depth)},
		{"irqmode", "2"}, // a timer
		{"completion_nsec", strconv.FormatInt(p.latency.Nanoseconds(), 10)},
		{"mbps", strconv.Itoa(p.rate)},
		{"power", "1"},
	}
}
