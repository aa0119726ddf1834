package benchmarks

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/farswap/farswap/offheap"
	"github.com/farswap/farswap/verbs"
	"github.com/farswap/farswap/verbs/faulty"
	"github.com/farswap/farswap/verbs/tcp"
)

const verbsRegion = 1 << 20

// verbsRig is a server with a region, and a device that reaches it.
type verbsRig struct {
	t      *testing.T
	server *tcp.Server
	device *faulty.Device
	cred   verbs.Credential
	grant  verbs.Grant
}

func newVerbsRig(t *testing.T, plan faulty.Plan) *verbsRig {
	t.Helper()
	mem, err := offheap.Map(verbsRegion, offheap.Options{})
	if err != nil {
		t.Fatal(err)
	}
	server, err := tcp.Listen("127.0.0.1:0", tcp.Config{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	inner, err := tcp.Open(tcp.Config{})
	if err != nil {
		t.Fatal(err)
	}
	r := &verbsRig{t: t, server: server, device: faulty.Wrap(inner, plan), cred: verbs.NewCredential(1)}
	t.Cleanup(func() {
		if err := errors.Join(r.device.Close(), server.Close(), offheap.Unmap(mem)); err != nil {
			t.Error(err)
		}
	})
	if err := server.Admit(r.cred); err != nil {
		t.Fatal(err)
	}
	if r.grant, err = server.Register(1, mem); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *verbsRig) target() VerbsTarget {
	r.t.Helper()
	conn, err := r.device.Connect(r.t.Context(), r.server.Address(), r.cred, verbs.QPConfig{Depth: verbs.MaxDepth})
	if err != nil {
		r.t.Fatal(err)
	}
	return VerbsTarget{Device: r.device, Conn: conn, Grant: r.grant}
}

func verbsConfig() VerbsConfig {
	return VerbsConfig{
		Ops: []verbs.Opcode{verbs.OpRead, verbs.OpWrite}, Sizes: []int{1, 4097, 512 << 10}, Depths: []int{1, 7, 256}, Count: 300,
	}
}

func TestRunVerbs(t *testing.T) {
	r := newVerbsRig(t, faulty.Plan{})
	cfg := verbsConfig()
	cfg.Sizes = []int{1, 8, 4097, 512 << 10}
	var progress bytes.Buffer
	rows, err := RunVerbs(t.Context(), cfg, r.target(), &progress)
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 24 {
		t.Fatalf("%d rows", len(rows))
	}
	for i, row := range rows {
		size, depth := cfg.Sizes[i/3%4], cfg.Depths[i%3]
		if row.Op != cfg.Ops[i/12].String() || row.Transport != "tcp" || row.Size != size || row.Depth != depth {
			t.Errorf("row %d is %+v", i, row)
		}
		if row.Ops != 300 || row.Seconds <= 0 || math.Abs(row.OpsPerSecond*row.Seconds-300) > 1e-6 ||
			math.Abs(row.BytesPerSecond-row.OpsPerSecond*float64(size)) > 1e-3 {
			t.Errorf("%+v", row)
		}
		if row.P50NS <= 0 || row.P50NS > row.P99NS || row.P99NS > row.MaxNS || row.MeanNS <= 0 {
			t.Errorf("latencies out of order: %+v", row)
		}
	}
	// 12 rows of writes, and the data of 12 rows of reads: each place once.
	var once uint64
	for _, size := range cfg.Sizes {
		for _, depth := range cfg.Depths {
			once += uint64(min(depth, verbsRegion/size))
		}
	}
	if s := r.server.Stats(); s.Writes != 12*300+once || s.Reads != 12*300+once {
		t.Errorf("the server did %d writes, %d reads, want %d of each", s.Writes, s.Reads, 12*300+once)
	}
	if got := progress.String(); strings.Count(got, "\n") != 24 || !strings.Contains(got, "17 of 24: write of 8 B over tcp, depth 7\n") {
		t.Errorf("progress %q", got)
	}
	var table bytes.Buffer
	if err := WriteVerbs(&table, rows); err != nil || strings.Count(table.String(), "\n") != 25 {
		t.Errorf("%v: %s", err, &table)
	}
}

// TestRunVerbsFewerThanDepth: a row of fewer operations than its depth.
func TestRunVerbsFewerThanDepth(t *testing.T) {
	r := newVerbsRig(t, faulty.Plan{})
	cfg := verbsConfig()
	cfg.Count = 3
	rows, err := RunVerbs(t.Context(), cfg, r.target(), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		if row.Ops != 3 {
			t.Errorf("%+v", row)
		}
	}
}

func TestRunVerbsDuration(t *testing.T) {
	r := newVerbsRig(t, faulty.Plan{})
	cfg := VerbsConfig{Ops: []verbs.Opcode{verbs.OpRead}, Sizes: []int{4096}, Depths: []int{4}, Duration: 20 * time.Millisecond}
	rows, err := RunVerbs(t.Context(), cfg, r.target(), io.Discard)
	if err != nil || len(rows) != 1 || rows[0].Seconds < 0.02 || rows[0].Ops < 4 {
		t.Errorf("%+v, %v", rows, err)
	}
}

func TestRunVerbsFindsAlteredData(t *testing.T) {
	for _, op := range []verbs.Opcode{verbs.OpRead, verbs.OpWrite} {
		r := newVerbsRig(t, faulty.Plan{Seed: 1, Corrupt: 1})
		cfg := VerbsConfig{Ops: []verbs.Opcode{op}, Sizes: []int{4096}, Depths: []int{4}, Count: 4}
		rows, err := RunVerbs(t.Context(), cfg, r.target(), io.Discard)
		if !errors.Is(err, ErrMismatch) || len(rows) != 0 {
			t.Errorf("%v: %+v, %v", op, rows, err)
		}
	}
}

func TestRunVerbsFailedConnection(t *testing.T) {
	r := newVerbsRig(t, faulty.Plan{Seed: 1, Fail: 0.01})
	cfg := VerbsConfig{Ops: []verbs.Opcode{verbs.OpWrite}, Sizes: []int{4096}, Depths: []int{1, 64}, Count: 5000}
	rows, err := RunVerbs(t.Context(), cfg, r.target(), io.Discard)
	if err == nil || errors.Is(err, ErrMismatch) || errors.Is(err, verbs.ErrOutstanding) || len(rows) > 1 {
		t.Errorf("%+v, %v", rows, err)
	}
	if !strings.Contains(err.Error(), "write of 4 KiB, depth") {
		t.Errorf("%v does not say what was measured", err)
	}
}

func TestRunVerbsStops(t *testing.T) {
	r := newVerbsRig(t, faulty.Plan{})
	ctx, cancel := context.WithCancel(t.Context())
	cfg := VerbsConfig{Ops: []verbs.Opcode{verbs.OpRead}, Sizes: []int{4096}, Depths: []int{4}, Duration: time.Hour}
	time.AfterFunc(10*time.Millisecond, cancel)
	if rows, err := RunVerbs(ctx, cfg, r.target(), io.Discard); !errors.Is(err, context.Canceled) || len(rows) != 0 {
		t.Errorf("%+v, %v", rows, err)
	}
}

func TestVerbsConfigBad(t *testing.T) {
	r := newVerbsRig(t, faulty.Plan{})
	for name, change := range map[string]func(*VerbsConfig){
		"no operation":      func(c *VerbsConfig) { c.Ops = nil },
		"unknown operation": func(c *VerbsConfig) { c.Ops = append(c.Ops, 9) },
		"no size":           func(c *VerbsConfig) { c.Sizes = nil },
		"size 0":            func(c *VerbsConfig) { c.Sizes[1] = 0 },
		"size large":        func(c *VerbsConfig) { c.Sizes[1] = verbs.MaxLength + 1 },
		"depth 0":           func(c *VerbsConfig) { c.Depths[1] = 0 },
		"depth large":       func(c *VerbsConfig) { c.Depths[1] = verbs.MaxDepth + 1 },
		"no depth":          func(c *VerbsConfig) { c.Depths = nil },
		"without end":       func(c *VerbsConfig) { c.Count = 0 },
		"negative count":    func(c *VerbsConfig) { c.Count = -1 },
		"negative duration": func(c *VerbsConfig) { c.Duration = -1 },
		"negative spin":     func(c *VerbsConfig) { c.Spin = -1 },
	} {
		cfg := verbsConfig()
		change(&cfg)
		if rows, err := RunVerbs(t.Context(), cfg, r.target(), io.Discard); !errors.Is(err, ErrConfig) || len(rows) != 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	cfg := verbsConfig()
	target := r.target()
	target.Grant.Length = 4096
	if _, err := RunVerbs(t.Context(), cfg, target, io.Discard); !errors.Is(err, ErrConfig) {
		t.Errorf("larger than the region: %v", err)
	}
}

func TestVerifyBytes(t *testing.T) {
	whole := make([]byte, 40)
	fillBytes(whole, 3)
	for n := range len(whole) + 1 {
		b := make([]byte, n)
		fillBytes(b, 3)
		if !bytes.Equal(b, whole[:n]) || verifyBytes(b, 3) >= 0 {
			t.Fatalf("%d bytes are not the beginning of a longer filling", n)
		}
		for i := range b {
			b[i] ^= 0x10
			if bad := verifyBytes(b, 3); bad != i {
				t.Errorf("byte %d of %d altered: found %d", i, n, bad)
			}
			b[i] ^= 0x10
		}
	}
	if verifyBytes(whole, 4) < 0 {
		t.Error("another row's data pass")
	}
}

// TestRunVerbsAllocatesNothingPerOperation: a hundred times as many operations
// take about the same number of allocations.
func TestRunVerbsAllocatesNothingPerOperation(t *testing.T) {
	r := newVerbsRig(t, faulty.Plan{})
	device, err := tcp.Open(tcp.Config{}) // without the wrapper, which allocates
	if err != nil {
		t.Fatal(err)
	}
	target := VerbsTarget{Device: device, Grant: r.grant}
	measure := func(count int64) uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if target.Conn, err = device.Connect(t.Context(), r.server.Address(), r.cred, verbs.QPConfig{Depth: 16}); err != nil {
			t.Fatal(err)
		}
		cfg := VerbsConfig{Ops: []verbs.Opcode{verbs.OpRead}, Sizes: []int{4096}, Depths: []int{1, 16}, Count: count}
		if _, err := RunVerbs(t.Context(), cfg, target, io.Discard); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		return after.Mallocs - before.Mallocs
	}
	measure(100)
	if few, many := measure(100), measure(10_000); many > few+1000 {
		t.Errorf("%d allocations for 100 operations, %d for 10,000", few, many)
	}
	if err := device.Close(); err != nil {
		t.Error(err)
	}
}
