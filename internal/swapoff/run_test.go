package swapoff

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const area = "/dev/ublkb7"

// swaps is /proc/swaps with the area, on which used bytes are, and another one with 1 GiB free.
func swaps(used int64) string {
	return "Filename Type Size Used Priority\n/swapfile file 1048576 0 -2\n" +
		fmt.Sprintf("%s partition 2097152 %d 10\n", area, used>>10)
}

// none is /proc/swaps without the area.
const none = "Filename Type Size Used Priority\n/swapfile file 1048576 0 -2\n"

// machine makes a root with the area on, and a program swapoff that runs the lines of a script in
// the folder proc of that root.
func machine(t *testing.T, script string) (root string) {
	t.Helper()
	root = t.TempDir()
	write(t, root, "proc/swaps", swaps(64<<20))
	write(t, root, "proc/meminfo", "MemTotal: 2097152 kB\nMemAvailable: 1048576 kB\nSwapCached: 8192 kB\nodd line\n")
	write(t, root, "proc/off", none)
	write(t, root, "proc/half", swaps(32<<20))
	write(t, root, "proc/full", strings.Replace(swaps(64<<20), "1048576 0", "1048576 1048576", 1)) // no other swap
	write(t, root, "bin/swapoff", "#!/bin/sh\ncd "+root+"/proc\n"+script+"\n")
	if err := os.Chmod(filepath.Join(root, "bin/swapoff"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", filepath.Join(root, "bin")+":"+os.Getenv("PATH"))
	return root
}

func write(t *testing.T, root, name, text string) {
	t.Helper()
	path := filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

var errCause = errors.New("somebody canceled")

// TestRun: swap comes off, or it is on as before and the error says why.
func TestRun(t *testing.T) {
	for name, tc := range map[string]struct {
		script   string
		lost     bool
		canceled bool  // as soon as there is progress of 32 MiB
		is       error // nil: swap is off
		wants    string
	}{
		"comes off":         {script: "cp half swaps; sleep 0.5; cp off swaps"},
		"off, and it fails": {script: "cp off swaps; exit 4"},
		"canceled":          {script: "cp half swaps; exec sleep 600", canceled: true, is: errCause},
		"canceled too late": {script: "trap 'cp off swaps; exit 0' TERM; cp half swaps; while :; do sleep 0.05; done", canceled: true},
		"no memory":         {script: "echo swapoff: Cannot allocate memory >&2; exit 2", is: ErrShort, wants: "Cannot allocate"},
		"killed":            {script: "kill -KILL $$", is: ErrStillOn, wants: "OOM killer"},
		"fails":             {script: "echo swapoff: broken >&2; exit 4", is: ErrStillOn, wants: "broken"},
		"one is under way":  {script: "(sleep 0.3; cp off swaps) >/dev/null 2>&1 & echo swapoff: Invalid argument >&2; exit 4"},
		"short meanwhile":   {script: "echo 'MemAvailable: 1024 kB' >meminfo; cp half swaps; exec sleep 600", is: ErrShort, wants: "1M of memory"},
		"rest does not fit": {script: "echo 'MemAvailable: 20480 kB' >meminfo; cp full swaps; exec sleep 600", is: ErrShort, wants: "20M of memory"},
		"estimate falls":    {script: "echo 'MemAvailable: 51200 kB' >meminfo; cp full swaps; sleep 0.5; cp off swaps"},
		"pages are lost":    {script: "echo 'MemAvailable: 1024 kB' >meminfo; cp full swaps; sleep 0.5; cp off swaps", lost: true},
		"unknown meanwhile": {script: "rm meminfo; exec sleep 600", is: os.ErrNotExist},
	} {
		t.Run(name, func(t *testing.T) {
			root := machine(t, tc.script)
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			var seen []Progress
			tk := &taking{root: root, path: area, reserve: 2 << 30, lost: tc.lost, report: func(p Progress) {
				seen = append(seen, p)
				if tc.canceled && p.Left == 32<<20 {
					cancel(errCause)
				}
			}}
			if name != "short meanwhile" { // else the other area would be room enough
				tk.reserve = reserve
			}
			err := tk.run(ctx)
			if !errors.Is(err, tc.is) || (err == nil) != (tc.is == nil) || err != nil && !errors.Is(err, ErrStillOn) {
				t.Fatalf("got %v, want %v", err, tc.is)
			}
			if err != nil && (!strings.Contains(err.Error(), area) || !strings.Contains(err.Error(), tc.wants)) {
				t.Errorf("%v lacks %q", err, tc.wants)
			}
			if len(seen) == 0 || seen[0].Left != 64<<20 {
				t.Errorf("progress: %v", seen)
			}
		})
	}
	root := machine(t, "")
	t.Setenv("PATH", filepath.Join(root, "nowhere"))
	if err := (&taking{root: root, path: area, report: func(Progress) {}}).run(t.Context()); err == nil || !strings.Contains(err.Error(), "swapoff "+area) {
		t.Errorf("without the tool: %v", err)
	}
	write(t, root, "proc/swaps", none)
	if err := (&taking{root: root, path: area}).run(t.Context()); err != nil {
		t.Errorf("not swap: %v", err)
	}
}

func TestMeter(t *testing.T) {
	var m meter
	begin := time.Unix(1000, 0)
	for _, c := range []struct {
		after time.Duration
		left  int64
		want  string
	}{
		{0, 100 << 20, "100M (25600 pages) left"},
		{time.Second, 90 << 20, "90M (23040 pages) left, 10M/s, 9s to go"},
		{2 * time.Second, 90 << 20, "90M (23040 pages) left, 5M/s, 18s to go"},
		{12 * time.Second, 40 << 20, "40M (10240 pages) left, 5M/s, 8s to go"}, // the first 2 s count no more
		{22 * time.Second, 40 << 20, "40M (10240 pages) left"},                 // nothing came
		{23 * time.Second, 44 << 20, "44M (11264 pages) left"},                 // more is counted than before
	} {
		if got := m.add(begin.Add(c.after), c.left).String(); got != c.want {
			t.Errorf("after %v: got %q, want %q", c.after, got, c.want)
		}
	}
}
