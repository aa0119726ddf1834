package workload

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// TestMain lets the test binary be the program that a workload starts: it is what
// os.Executable finds here.
func TestMain(m *testing.M) {
	if len(os.Args) > 3 && os.Args[1] == "bench" && os.Args[2] == "work" {
		if err := work(os.Args[3], os.Args[4:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// work is `farswap bench work`.
func work(name string, args []string) error {
	f := flag.NewFlagSet(name, flag.ContinueOnError)
	c := ProgramConfig{Name: name, Threads: 2}
	f.Int64Var(&c.Bytes, "size", 0, "")
	f.Uint64Var(&c.Seed, "seed", 0, "")
	asJSON, wait := f.Bool("json", false, ""), f.Bool("wait", false, "")
	if err := f.Parse(args); err != nil {
		return err
	}
	if !*asJSON || !*wait {
		return errOther
	}
	metrics, err := RunProgram(c, func() error {
		fmt.Println("ready")
		_, err := fmt.Scanln()
		if err != nil && err.Error() == "unexpected newline" {
			err = nil
		}
		return err
	})
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(metrics)
}

// here is a place without a control group.
type here struct {
	t       *testing.T
	dir     string
	started []*exec.Cmd
}

func newHere(t *testing.T) *here { return &here{t: t, dir: t.TempDir()} }

func (h *here) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	h.started = append(h.started, cmd)
	return cmd
}

func (h *here) Dir() string                    { return h.dir }
func (h *here) Log(format string, args ...any) { h.t.Logf(format, args...) }

// tiny is enough for everything to happen once.
const tiny Size = "4194304"

// find fails where the servers are missing.
func find(t *testing.T, w Workload) {
	if missing := w.Missing(); missing != nil {
		t.Fatalf("%s missing: run the tests by ./do unit, which gets what they need", strings.Join(missing, ", "))
	}
}

// TestAll runs every workload with its real server.
func TestAll(t *testing.T) {
	for _, w := range All() {
		t.Run(w.Name, func(t *testing.T) {
			find(t, w)
			place := newHere(t)
			running, err := w.Start(t.Context(), place, tiny)
			if err != nil {
				t.Fatal(err)
			}
			if w, ok := running.(Warmer); ok {
				if err := w.Warm(t.Context(), 200*time.Millisecond); err != nil {
					t.Error(err)
				}
			}
			metrics, err := running.Measure(t.Context(), 3*time.Second)
			if err != nil {
				t.Error(err)
			}
			if err := running.Stop(); err != nil {
				t.Error(err)
			}
			if len(place.started) != 1 || place.started[0].Process == nil {
				t.Errorf("started in the control group: %v, want one process", place.started)
			}
			place.checkEnded()
			checkMetrics(t, metrics)
		})
	}
}

// checkEnded looks for processes that were left running.
func (h *here) checkEnded() {
	for _, cmd := range h.started {
		if cmd.Process == nil {
			continue
		}
		// What a process has started may still have to be reaped, by the machine's first one.
		deadline := time.Now().Add(10 * time.Second)
		for !errors.Is(syscall.Kill(-cmd.Process.Pid, 0), syscall.ESRCH) {
			if time.Now().After(deadline) {
				h.t.Errorf("%s is still there", cmd)
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
}

// checkMetrics wants at least one rate, and all figures finite.
func checkMetrics(t *testing.T, metrics []Metric) {
	var names []string
	for _, m := range metrics {
		names = append(names, m.Name)
		if !(m.Value >= 0 && m.Value < 1e15) || m.Name == "" || m.Unit == "" {
			t.Errorf("%+v", m)
		}
		if m.Value == 0 && m.Name != "misses" && m.Name != "faults" {
			t.Errorf("%s is 0", m.Name)
		}
		t.Logf("%s %.4g %s", m.Name, m.Value, m.Unit)
	}
	if !slices.ContainsFunc(metrics, func(m Metric) bool { return m.Higher }) {
		t.Errorf("%v: no rate", names)
	}
	slices.Sort(names)
	if len(slices.Compact(names)) != len(metrics) {
		t.Errorf("%v: a name twice", names)
	}
}

// TestServersThatDie: the error says how, and Stop still succeeds.
func TestServersThatDie(t *testing.T) {
	for _, w := range All() {
		t.Run(w.Name, func(t *testing.T) {
			find(t, w)
			place := newHere(t)
			running, err := w.Start(t.Context(), place, tiny)
			if err != nil {
				t.Fatal(err)
			}
			server := place.started[len(place.started)-1]
			if err := syscall.Kill(-server.Process.Pid, syscall.SIGKILL); err != nil {
				t.Error(err)
			}
			if _, err := running.Measure(t.Context(), time.Second); err == nil {
				t.Error("Measure succeeds")
			} else {
				t.Log(err)
			}
			if err := running.Stop(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestStartEndsWithItsContext: nothing is left of a fill that was given up.
func TestStartEndsWithItsContext(t *testing.T) {
	for _, w := range All() {
		t.Run(w.Name, func(t *testing.T) {
			find(t, w)
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			defer cancel()
			place := newHere(t)
			running, err := w.Start(ctx, place, "268435456")
			if err == nil {
				t.Error("256 MiB were filled in 20 ms")
				_ = running.Stop()
			} else if !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
			place.checkEnded()
		})
	}
}

func TestSizes(t *testing.T) {
	for _, s := range []Size{Small, Medium, Paper, tiny} {
		if n, err := s.Bytes(); err != nil || n < minBytes {
			t.Errorf("%s: %d, %v", s, n, err)
		}
	}
	for _, s := range []Size{"", "large", "1000", "-1", "4M"} {
		if n, err := s.Bytes(); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %d, %v", s, n, err)
		}
		for _, w := range All() {
			if _, err := w.Start(t.Context(), newHere(t), s); !errors.Is(err, ErrConfig) {
				t.Errorf("%s of size %s: %v", w.Name, s, err)
			}
		}
	}
}
