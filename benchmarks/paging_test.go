package benchmarks

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func config() PagingConfig {
	return PagingConfig{
		Name: "memory", Size: 300 * PageSize, Threads: 3, Patterns: []Pattern{Uniform, Zipf},
		Ops: 5000, WriteShare: 0.25, Seed: 42,
	}
}

func TestRunPaging(t *testing.T) {
	procs := runtime.GOMAXPROCS(0)
	var out bytes.Buffer
	cfg := config()
	r, err := RunPaging(context.Background(), cfg, &out)
	if err != nil {
		t.Fatal(err)
	}
	if r.Mismatches != 0 || r.SweptPages != 300 || len(r.Phases) != 2 || r.FillSeconds <= 0 || r.SweepSeconds <= 0 {
		t.Errorf("%+v", r)
	}
	for i, p := range r.Phases {
		if p.Pattern != cfg.Patterns[i] || p.Accesses != cfg.Ops || p.Writes < cfg.Ops/5 || p.Writes > cfg.Ops*3/10 || p.AccessesPerSecond <= 0 {
			t.Errorf("%+v", p)
		}
		if p.P50NS <= 0 || p.P50NS > p.P90NS || p.P90NS > p.P99NS || p.P99NS > p.P999NS || p.P999NS > p.MaxNS {
			t.Errorf("latencies out of order: %+v", p)
		}
	}
	for _, line := range []string{"fill: done, 300 pages", "uniform: done, 5,000 pages", "zipf: done", "sweep: done, 300 pages"} {
		if !strings.Contains(out.String(), line) {
			t.Errorf("progress without %q:\n%s", line, out.String())
		}
	}
	if runtime.GOMAXPROCS(0) != procs {
		t.Error("GOMAXPROCS is not what it was")
	}
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, field := range []string{"fill_seconds", "accesses", "accesses_per_second", "p50_ns", "p99_ns", "mismatches", "major_faults", "pswpin", "pswpout"} {
		if !bytes.Contains(text, []byte(`"`+field+`":`)) {
			t.Errorf("JSON without %s: %s", field, text)
		}
	}
}

func TestRunPagingFewerOpsThanThreads(t *testing.T) {
	cfg := config()
	cfg.Ops = 2
	r, err := RunPaging(context.Background(), cfg, io.Discard)
	if err != nil || r.Phases[0].Accesses != 2 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestRunPagingByDuration(t *testing.T) {
	cfg := config()
	cfg.Ops, cfg.Duration = 0, time.Millisecond
	r, err := RunPaging(context.Background(), cfg, io.Discard)
	if err != nil || r.Phases[1].Accesses == 0 || r.Phases[1].Seconds < cfg.Duration.Seconds() {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestRunPagingEnded ends each phase by a signal. Neither the next phase nor the sweep is
// shortened by it.
func TestRunPagingEnded(t *testing.T) {
	cfg := config()
	cfg.Ops, cfg.Duration = 0, time.Hour
	end := make(chan os.Signal, 1)
	cfg.End = end
	r, err := RunPaging(context.Background(), cfg, writer(func(line []byte) {
		if bytes.HasPrefix(line, []byte("fill: done")) || bytes.HasPrefix(line, []byte("uniform: done")) {
			end <- unix.SIGUSR1
		}
	}))
	if err != nil || len(r.Phases) != 2 || r.Mismatches != 0 || r.SweptPages != 300 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestRunPagingCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cfg := config()
	cfg.Ops, cfg.Duration = 0, time.Hour
	r, err := RunPaging(ctx, cfg, writer(func(line []byte) {
		if bytes.HasPrefix(line, []byte("fill: done")) {
			cancel()
		}
	}))
	if !errors.Is(err, context.Canceled) || r.FillSeconds <= 0 || r.SweptPages != 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

type writer func([]byte)

func (f writer) Write(b []byte) (int, error) { f(b); return len(b), nil }

func TestConfigRefused(t *testing.T) {
	for name, spoil := range map[string]func(*PagingConfig){
		"no threads":          func(c *PagingConfig) { c.Threads = 0 },
		"too many threads":    func(c *PagingConfig) { c.Threads = 1025 },
		"half a page":         func(c *PagingConfig) { c.Size += 100 },
		"no memory":           func(c *PagingConfig) { c.Size = 0 },
		"less than a page":    func(c *PagingConfig) { c.Size = 2 * PageSize },
		"negative memory":     func(c *PagingConfig) { c.Size = -PageSize },
		"no end":              func(c *PagingConfig) { c.Ops = 0 },
		"negative duration":   func(c *PagingConfig) { c.Duration = -1 },
		"negative operations": func(c *PagingConfig) { c.Ops = -1 },
		"write share":         func(c *PagingConfig) { c.WriteShare = 1.5 },
		"write share NaN":     func(c *PagingConfig) { c.WriteShare = math.NaN() },
		"pattern":             func(c *PagingConfig) { c.Patterns = []Pattern{"gauss"} },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := config()
			spoil(&cfg)
			if _, err := RunPaging(context.Background(), cfg, io.Discard); !errors.Is(err, ErrConfig) {
				t.Fatalf("got %v", err)
			}
		})
	}
}

// smallRegion is filled memory of n pages on the heap.
func smallRegion(t testing.TB, n int) (*region, *worker) {
	r := &region{seed: 5, data: make([]uint64, n*pageWords), versions: make([]uint32, n)}
	w := newWorker(r, 0, 1, new(atomic.Bool), func(string) {})
	if err := w.fill(); err != nil {
		t.Fatal(err)
	}
	return r, w
}

func TestDamageIsFound(t *testing.T) {
	r, w := smallRegion(t, 4)
	r.page(1)[100] ^= 1           // a flipped bit
	copy(r.page(2), r.page(0))    // a misplaced page
	fill(r.page(3), r.seed, 3, 9) // a version never written
	var notes []string
	w.note = func(s string) { notes = append(notes, s) }
	if err := w.sweep(); err != nil || w.mismatches.Load() != 3 || len(notes) != 3 {
		t.Fatalf("%d mismatches, %v, %v", w.mismatches.Load(), notes, err)
	}
	if err := w.access(Uniform, 0, 100, 0); err != nil || w.mismatches.Load() <= 3 {
		t.Fatalf("%d mismatches, %v", w.mismatches.Load(), err)
	}
}

func TestMismatchEndsInError(t *testing.T) {
	p := &paging{cfg: PagingConfig{Threads: 1, Patterns: []Pattern{Uniform}, Ops: 30}, result: &PagingResult{}}
	r, _ := smallRegion(t, 1)
	p.region = *r
	var out bytes.Buffer
	p.out = writer(func(line []byte) {
		out.Write(line)
		if bytes.HasPrefix(line, []byte("fill: done")) {
			p.region.page(0)[9]++
		}
	})
	err := p.run(context.Background())
	if !errors.Is(err, ErrMismatch) || p.result.Mismatches != 31 || p.result.Phases[0].Mismatches != 30 {
		t.Fatalf("%+v, %v", p.result, err)
	}
	if n := strings.Count(out.String(), "is damaged at byte 72"); n != maxNotes {
		t.Fatalf("%d notes:\n%s", n, out.String())
	}
}

// TestUnreadablePage takes pages away as a failed swap device does: the fault
// ends in SIGBUS.
func TestUnreadablePage(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "pages"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(4 * PageSize); err != nil {
		t.Fatal(err)
	}
	mem, err := unix.Mmap(int(f.Fd()), 0, 4*PageSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(mem)
	p := &paging{cfg: PagingConfig{Threads: 2, Patterns: []Pattern{Uniform}, Ops: 30}, result: &PagingResult{}}
	p.region = region{data: words(mem), versions: make([]uint32, 4)}
	p.out = writer(func(line []byte) {
		if bytes.HasPrefix(line, []byte("fill: done")) {
			if err := f.Truncate(2 * PageSize); err != nil {
				t.Error(err)
			}
		}
	})
	if err := p.run(context.Background()); !errors.Is(err, ErrUnreadable) {
		t.Fatalf("got %v", err)
	}
	if len(p.result.Phases) != 1 || p.result.SweptPages != 0 {
		t.Fatalf("the run went on: %+v", p.result)
	}
}

func TestOtherPanicsPass(t *testing.T) {
	_, w := smallRegion(t, 1)
	defer func() {
		if recover() != "other" {
			t.Error("swallowed")
		}
	}()
	_ = w.guarded(func() error { panic("other") })
}

func TestAccessDoesNotAllocate(t *testing.T) {
	_, w := smallRegion(t, 64)
	for _, p := range []Pattern{Uniform, Zipf} {
		few := testing.AllocsPerRun(10, func() { _ = w.access(p, 0, w.done.Load()+1, 0.5) })
		many := testing.AllocsPerRun(10, func() { _ = w.access(p, 0, w.done.Load()+1000, 0.5) })
		if many > few {
			t.Errorf("%s: %g allocations for 1000 accesses, %g for one", p, many, few)
		}
	}
}

func TestParseVMStat(t *testing.T) {
	in, out, err := parseVMStat([]byte("nr_free_pages 1\npswpin 17\npswpout 23\npswpinx 9\n"))
	if in != 17 || out != 23 || err != nil {
		t.Errorf("%d, %d, %v", in, out, err)
	}
	if in, out, err = parseVMStat(nil); in != 0 || out != 0 || err != nil {
		t.Errorf("nothing: %d, %d, %v", in, out, err)
	}
	if _, _, err = parseVMStat([]byte("pswpin many\n")); err == nil {
		t.Error("no number, no error")
	}
}

func FuzzParseVMStat(f *testing.F) {
	f.Add([]byte("pswpin 17\npswpout 23\n"))
	f.Add([]byte("pswpin"))
	f.Fuzz(func(_ *testing.T, text []byte) { _, _, _ = parseVMStat(text) })
}
