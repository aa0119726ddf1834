package benchmarks

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func loadOn(t *testing.T) LoadConfig {
	t.Helper()
	path := filepath.Join(t.TempDir(), "device")
	if err := os.WriteFile(path, make([]byte, 200*PageSize), 0o600); err != nil {
		t.Fatal(err)
	}
	if f, err := os.OpenFile(path, os.O_RDWR|unix.O_DIRECT, 0); err != nil {
		t.Fatalf("a file system without direct I/O: set TMPDIR: %v", err)
	} else {
		_ = f.Close()
	}
	return LoadConfig{Path: path, Size: 200 * PageSize, Threads: 3, WriteShare: 0.5, Seed: 3}
}

// when runs f as soon as the load says something.
type when struct {
	bytes.Buffer
	text string
	f    func()
}

func (w *when) Write(b []byte) (int, error) {
	if strings.Contains(string(b), w.text) {
		w.f()
	}
	return w.Buffer.Write(b)
}

func TestRunLoad(t *testing.T) {
	phases := make(chan LoadStart)
	go func() {
		defer close(phases)
		for _, s := range []LoadStart{{"first", 2000}, {"rest", 0}, {"second", 500}} {
			phases <- s
			time.Sleep(200 * time.Millisecond)
		}
	}()
	r, err := RunLoad(t.Context(), loadOn(t), phases, io.Discard)
	if err != nil || r.Mismatches != 0 || r.SweptPages != 200 || len(r.Phases) != 3 {
		t.Fatalf("%+v, %v", r, err)
	}
	first, rest, second := r.Phases[0], r.Phases[1], r.Phases[2]
	if n := rest.Reads.Accesses + rest.Writes.Accesses; n != 0 {
		t.Errorf("%d accesses while it rested", n)
	}
	for _, p := range []LoadPhase{first, second} {
		if n := float64(p.Reads.Accesses + p.Writes.Accesses); n == 0 || n > p.Rate*p.Seconds+3 {
			t.Errorf("phase %s: %g accesses in %g s, %g a second were wanted", p.Name, n, p.Seconds, p.Rate)
		}
		if l := p.Reads; l.P50NS <= 0 || l.P50NS > l.P99NS || l.P99NS > l.MaxNS {
			t.Errorf("latencies out of order: %+v", l)
		}
	}
	if f, s := first.Reads.Accesses, second.Reads.Accesses; f <= s {
		t.Errorf("%d reads at the higher rate, %d at the lower", f, s)
	}
}

// TestRunLoadFindsWrongPages has an old version, a page in another's place and a
// damaged one come back.
func TestRunLoadFindsWrongPages(t *testing.T) {
	cfg := loadOn(t)
	for _, c := range []struct {
		name, says string
		damage     func(f *os.File) error
	}{
		{"byte", "is damaged at byte", func(f *os.File) error { _, err := f.WriteAt([]byte{1}, 7*PageSize+100); return err }},
		{"place", "reads as page 9 version 1", func(f *os.File) error {
			page := make([]byte, PageSize)
			_, err := f.ReadAt(page, 9*PageSize)
			if err == nil {
				_, err = f.WriteAt(page, 7*PageSize)
			}
			return err
		}},
		{"version", "page 7 version 1 reads as page 7 version 0", func(f *os.File) error { _, err := f.WriteAt(make([]byte, 8), 7*PageSize+8); return err }},
	} {
		t.Run(c.name, func(t *testing.T) {
			phases := make(chan LoadStart)
			out := &when{text: "filled", f: func() {
				f, err := os.OpenFile(cfg.Path, os.O_RDWR, 0)
				if err == nil {
					err = errors.Join(c.damage(f), f.Close())
				}
				if err != nil {
					t.Error(err)
				}
				close(phases)
			}}
			r, err := RunLoad(t.Context(), cfg, phases, out)
			if !errors.Is(err, ErrMismatch) || r.Mismatches != 1 || !strings.Contains(out.String(), c.says) {
				t.Errorf("%+v, %v, %s", r, err, out.String())
			}
		})
	}
}

// TestRunLoadStops: a device that fails an access, and a context, end it in a phase.
func TestRunLoadStops(t *testing.T) {
	for _, rate := range []float64{0, 5000} {
		ctx, cancel := context.WithCancel(t.Context())
		phases := make(chan LoadStart, 1) // and never closed
		phases <- LoadStart{"only", rate}
		r, err := RunLoad(ctx, loadOn(t), phases, &when{text: "phase", f: cancel})
		if !errors.Is(err, context.Canceled) || r.SweptPages != 0 {
			t.Errorf("at %g a second: %+v, %v", rate, r, err)
		}
	}
	cfg := loadOn(t)
	phases := make(chan LoadStart, 1)
	phases <- LoadStart{"only", 5000}
	_, err := RunLoad(t.Context(), cfg, phases, &when{text: "filled", f: func() {
		if err := os.Truncate(cfg.Path, 0); err != nil {
			t.Error(err)
		}
	}})
	if err == nil || !strings.Contains(err.Error(), "read 1 pages from page") {
		t.Errorf("of a device that has gone: %v", err)
	}
}

func TestLoadConfigIsChecked(t *testing.T) {
	for name, change := range map[string]func(*LoadConfig){
		"path":    func(c *LoadConfig) { c.Path = "" },
		"threads": func(c *LoadConfig) { c.Threads = 0 },
		"part":    func(c *LoadConfig) { c.Size++ },
		"small":   func(c *LoadConfig) { c.Size = 2 * PageSize },
		"share":   func(c *LoadConfig) { c.WriteShare = 1.1 },
	} {
		cfg := LoadConfig{Path: "nowhere", Size: 200 * PageSize, Threads: 3}
		change(&cfg)
		if _, err := RunLoad(t.Context(), cfg, nil, io.Discard); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
