package pathmodel

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/swapdev"
)

// testConfig is a Config whose parts are this test binary, and which moves few pages.
func testConfig(t *testing.T) Config {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	nbdkit, _ := exec.LookPath("nbdkit") // without it, its model is left out
	return Config{
		Modes: []Mode{One, Free}, Threads: []int{1, 3}, Ops: []string{Read, Write},
		Time: time.Hour, Count: 20, Turns: 2, Size: MinSize, Seal: swapdev.SealOff,
		Self: []string{self, testPart}, Donor: []string{self, testDonor}, Nbdkit: nbdkit,
	}
}

// TestRun moves a few hundred pages by every way. Run checks each of them.
func TestRun(t *testing.T) {
	t.Run("the device is a thread", func(t *testing.T) { testRun(t, testConfig(t)) })
	t.Run("the device is a process", func(t *testing.T) {
		c := testConfig(t)
		c.DeviceProcess, c.Seal = true, swapdev.SealOn
		testRun(t, c)
	})
}

func testRun(t *testing.T, c Config) {
	t.Setenv("TMPDIR", t.TempDir())
	var progress strings.Builder
	r, err := Run(t.Context(), c, &progress)
	if err != nil {
		t.Fatal(err)
	}
	contenders := 3
	if c.Nbdkit == "" {
		contenders = 2
	}
	if len(r.Cells) != 8 || (r.LeftOut == "") != (c.Nbdkit != "") {
		t.Errorf("%d cells, left out %q", len(r.Cells), r.LeftOut)
	}
	for _, cell := range r.Cells {
		if len(cell.Contenders) != contenders || len(cell.Ratios) != contenders-1 {
			t.Errorf("%v: %+v, %+v", cell.Cell, cell.Contenders, cell.Ratios)
		}
		for _, f := range cell.Contenders {
			if want := int64(cell.Threads) * c.Count * int64(c.Turns); f.Pages != want {
				t.Errorf("%v: %s moved %d pages, want %d", cell.Cell, f.Name, f.Pages, want)
			}
			if f.PagesPerSecond.Value <= 0 || f.P50NS <= 0 || f.P99NS < f.P50NS || f.CPUNS.Application <= 0 || f.CPUNS.Device <= 0 || f.CPUNS.Server <= 0 {
				t.Errorf("%v: %+v", cell.Cell, f)
			}
			// Each application thread makes two calls a page, and nobody moves a page without one.
			if f.Calls != nil && (f.Calls.Application < 1 || f.Calls.Server <= 0) || (f.Calls == nil) != (r.NotCounted != "") {
				t.Errorf("%v: %s: calls %+v, not counted %q", cell.Cell, f.Name, f.Calls, r.NotCounted)
			}
		}
	}
	if !strings.Contains(progress.String(), "8 of 8, about ") {
		t.Errorf("progress %q", progress.String())
	}
	if left, err := filepath.Glob(filepath.Join(os.Getenv("TMPDIR"), "*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestRunEndsEarly: an end in the middle of a turn that would take an hour ends it.
func TestRunEndsEarly(t *testing.T) {
	c := testConfig(t)
	c.Count, c.Nbdkit = 0, ""
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	in := writerFunc(func(line string) {
		if strings.HasPrefix(line, "1 of ") {
			time.AfterFunc(50*time.Millisecond, cancel) // whenever it is: the turn is longer
		}
	})
	if _, err := Run(ctx, c, in); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// TestDonorThatDoesNotStart: what it has said is in the error.
func TestDonorThatDoesNotStart(t *testing.T) {
	c := testConfig(t)
	c.Donor = []string{"/bin/sh", "-c", "echo no memory today >&2; exit 1", "sh"}
	if _, err := Run(t.Context(), c, io.Discard); err == nil || !strings.Contains(err.Error(), "no memory today") {
		t.Errorf("got %v", err)
	}
}

// TestDonorThatDies in the middle of a turn that would take an hour: the error names it.
func TestDonorThatDies(t *testing.T) {
	c := testConfig(t)
	c.Count, c.Nbdkit = 0, ""
	file := filepath.Join(t.TempDir(), "pid")
	c.Donor = append([]string{"/bin/sh", "-c", `echo $$ >"$0"; exec "$@"`, file}, c.Donor...)
	in := writerFunc(func(line string) {
		if !strings.HasPrefix(line, "1 of ") {
			return
		}
		var pid int
		text, err := os.ReadFile(file)
		if err == nil {
			pid, err = strconv.Atoi(strings.TrimSpace(string(text)))
		}
		if err == nil {
			err = unix.Kill(pid, unix.SIGKILL)
		}
		if err != nil {
			t.Error(err)
		}
	})
	if _, err := Run(t.Context(), c, in); !errors.Is(err, errAborted) || !strings.Contains(err.Error(), "the donor has ended") {
		t.Errorf("got %v", err)
	}
}

type writerFunc func(string)

func (f writerFunc) Write(b []byte) (int, error) {
	f(string(b))
	return len(b), nil
}
