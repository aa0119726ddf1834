package benchmarks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"slices"
	"time"

	"github.com/farswap/farswap/offheap"
	"github.com/farswap/farswap/uring"
	"github.com/farswap/farswap/verbs"
)

// VerbsConfig describes measurements of one-sided operations: a row for each
// opcode, size and depth.
type VerbsConfig struct {
	Ops    []verbs.Opcode
	Sizes  []int // bytes of an operation, 1 to verbs.MaxLength
	Depths []int // operations outstanding at all times, 1 to verbs.MaxDepth
	// A row ends after Duration or after Count operations, whichever comes first.
	// Zero means no limit; not both.
	Duration time.Duration
	Count    int64
	// Spin is verbs.QPConfig.Spin: how long a wait polls before it sleeps.
	Spin time.Duration
}

// Validate returns an error wrapping ErrConfig if c breaks a rule of its
// fields.
func (c VerbsConfig) Validate() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf(format+": %w", append(args, ErrConfig)...)
	}
	if len(c.Ops) == 0 || len(c.Sizes) == 0 || len(c.Depths) == 0 {
		return bad("nothing to measure: give at least one operation, size and depth")
	}
	for _, op := range c.Ops {
		if op != verbs.OpRead && op != verbs.OpWrite {
			return bad("operation %v: give read or write", op)
		}
	}
	for _, size := range c.Sizes {
		if size < 1 || size > verbs.MaxLength {
			return bad("operations of %d bytes: give 1 to %d", size, verbs.MaxLength)
		}
	}
	for _, depth := range c.Depths {
		if depth < 1 || depth > verbs.MaxDepth {
			return bad("a depth of %d: give 1 to %d", depth, verbs.MaxDepth)
		}
	}
	switch {
	case c.Duration < 0 || c.Count < 0:
		return bad("a duration of %v and %d operations: give no negative ones", c.Duration, c.Count)
	case c.Duration == 0 && c.Count == 0:
		return bad("rows without end: give a duration or a number of operations")
	case c.Spin < 0 || c.Spin > maxSpin:
		return bad("a spin of %v: give 0 to %v", c.Spin, maxSpin)
	}
	return nil
}

// QP returns the configuration of the connection to measure.
func (c VerbsConfig) QP() verbs.QPConfig {
	return verbs.QPConfig{Depth: slices.Max(c.Depths), Spin: c.Spin}
}

// VerbsTarget is what RunVerbs measures: a connection that Device made with
// VerbsConfig.QP, and a region that it can reach. The region is overwritten.
type VerbsTarget struct {
	Device verbs.Device
	Conn   verbs.Conn // RunVerbs owns it
	Grant  verbs.Grant
}

// VerbsRow has the figures of one opcode, size and depth. A latency is the time from
// posting an operation to polling its completion, as in ib_read_lat. At a depth above 1
// it includes the wait in line.
type VerbsRow struct {
	Op             string  `json:"op"`
	Transport      string  `json:"transport"`
	Size           int     `json:"size"` // bytes
	Depth          int     `json:"depth"`
	Ops            int64   `json:"ops"`
	Seconds        float64 `json:"seconds"` // from the first post to the last completion
	MeanNS         int64   `json:"mean_ns"`
	P50NS          int64   `json:"p50_ns"`
	P99NS          int64   `json:"p99_ns"`
	MaxNS          int64   `json:"max_ns"`
	OpsPerSecond   float64 `json:"ops_per_s"`
	BytesPerSecond float64 `json:"bytes_per_s"`
}

// RunVerbs measures every combination in the order of the fields, and reports each on
// progress when it begins. It works on one thread, which it locks. At the end of a row it
// checks the moved data. With an error it returns the rows that were done. The error is
// ErrConfig, ErrMismatch, the context's, or the connection's.
func RunVerbs(ctx context.Context, cfg VerbsConfig, target VerbsTarget, progress io.Writer) (rows []VerbsRow, err error) {
	join := func(f func() error) { err = errors.Join(err, f()) }
	rows = []VerbsRow{}
	defer join(target.Conn.Close) // has no effect on what was attached
	if err := cfg.Validate(); err != nil {
		return rows, err
	}
	if largest := slices.Max(cfg.Sizes); target.Grant.Length < uint64(largest) || target.Grant.Length > math.MaxInt32 {
		return rows, fmt.Errorf("operations of %d bytes in a region of %d: %w", largest, target.Grant.Length, ErrConfig)
	}
	arena, err := offheap.Map(int(target.Grant.Length), offheap.Options{Huge: true, Populate: true})
	if err != nil {
		return rows, err
	}
	held := false // by a connection that did not end: the kernel may still write to it
	defer join(func() error {
		if held {
			return nil
		}
		return offheap.Unmap(arena)
	})
	region, err := target.Device.Register(arena)
	if err != nil {
		return rows, err
	}
	defer join(region.Close)

	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	loop, err := uring.NewLoop(uring.Config{Entries: loopEntries, KeepProc: true})
	if err != nil {
		return rows, err
	}
	defer join(loop.Close)
	d := &verbsDriver{loop: loop, arena: arena, key: target.Grant.Key, began: time.Now(), latency: newVerbsLatency()}
	if d.qp, err = target.Conn.Attach(loop, d.completed); err != nil {
		return rows, err
	}
	defer join(func() error {
		err := d.close()
		held = err != nil
		return err
	})
	defer context.AfterFunc(ctx, func() { d.stop.Store(true) })()

	total := len(cfg.Ops) * len(cfg.Sizes) * len(cfg.Depths)
	for _, op := range cfg.Ops {
		for _, size := range cfg.Sizes {
			for _, depth := range cfg.Depths {
				_, _ = fmt.Fprintf(progress, "%d of %d: %s of %s over %s, depth %d\n",
					len(rows)+1, total, op, byteSize(int64(size)), target.Device.Name(), depth)
				row, err := d.row(op, size, depth, cfg, uint64(len(rows)))
				if err == nil {
					err = ctx.Err()
				}
				if err != nil {
					return rows, fmt.Errorf("%s of %s, depth %d: %w", op, byteSize(int64(size)), depth, err)
				}
				row.Transport = target.Device.Name()
				rows = append(rows, row)
			}
		}
	}
	return rows, nil
}
