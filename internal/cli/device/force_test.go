package device

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/internal/cli/remedy"
	"github.com/farswap/farswap/internal/inuse"
	"github.com/farswap/farswap/ublk"
)

// fakeDriver has one device, and a folder with what the fake swapoff sees of it.
type fakeDriver struct {
	dir    string
	did    []string
	delete error
}

func (d *fakeDriver) Stop(int) error {
	began := "before swapoff"
	if _, err := os.Stat(filepath.Join(d.dir, "began")); err == nil {
		began = "after swapoff began"
	}
	d.did = append(d.did, "stop "+began)
	return os.WriteFile(filepath.Join(d.dir, "stopped"), nil, 0o600)
}

func (d *fakeDriver) DeleteWithin(int, time.Duration) error {
	d.did = append(d.did, "delete")
	return d.delete
}

// fakeSwapoff puts a program of that name first on the path. It runs the lines of a shell script in dir.
func fakeSwapoff(t *testing.T, dir, script string) {
	t.Helper()
	text := "#!/bin/sh\ncd " + dir + "\n" + script + "\n"
	if err := os.WriteFile(filepath.Join(dir, "swapoff"), []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
}

const waitsForStop = "touch began; until [ -e stopped ]; do sleep 0.02; done; rm swap"

// TestForced takes devices away in the order that leaves nothing: swapoff begins, the device stops,
// swapoff ends.
func TestForced(t *testing.T) {
	swap, mount := inuse.Use{Kind: inuse.Swap, Where: "/dev/ublkb7"}, inuse.Use{Kind: inuse.Mount, Where: "/mnt"}
	timeout := fmt.Errorf("delete: %w", ublk.ErrTimeout)
	for name, tc := range map[string]struct {
		uses    []inuse.Use
		script  string // of swapoff
		syscall string // in which swapoff waits
		delete  error
		did     string
		wants   string // part of the error
	}{
		"swap":                  {[]inuse.Use{swap}, waitsForStop, "swapoff", nil, "stop after swapoff began, delete", ""},
		"one is under way":      {[]inuse.Use{swap}, "touch began; (until [ -e stopped ]; do sleep 0.02; done; rm swap) >/dev/null 2>&1 & exit 4", "", nil, "stop after swapoff began, delete", ""},
		"mounted":               {[]inuse.Use{mount}, "", "", timeout, "stop before swapoff, delete", "then number 7 is free"},
		"open elsewhere":        {nil, "", "", timeout, "stop before swapoff, delete", "did not answer"},
		"swapoff does not come": {[]inuse.Use{swap}, "exec sleep 60", "read", nil, "", "did not begin"},
		"swap stays":            {[]inuse.Use{swap}, "touch began; echo no room >&2; exit 2", "", nil, "stop after swapoff began", "still swap with 35M left (|no room|restarts"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			driver := &fakeDriver{dir: dir, delete: tc.delete}
			facts := remedy.Facts{ID: 7, Ours: true, Kernel: remedy.Waiting, Uses: tc.uses}
			area := []inuse.Area{{Path: "/dev/ublkb7", Used: 35 << 20}}
			if slices.Contains(tc.uses, swap) {
				facts.Swap = area
				if err := os.WriteFile(filepath.Join(dir, "swap"), nil, 0o600); err != nil {
					t.Fatal(err)
				}
				fakeSwapoff(t, dir, tc.script)
			}
			f := newForced(driver, facts, io.Discard)
			f.areas = func(string) ([]inuse.Area, error) {
				if _, err := os.Stat(filepath.Join(dir, "swap")); err != nil {
					return nil, nil
				}
				return area, nil
			}
			f.syscall = func(int) string {
				if _, err := os.Stat(filepath.Join(dir, "began")); err != nil || tc.syscall != "swapoff" {
					return "0 0x1 0x2"
				}
				return fmt.Sprintf("%d 0x1 0x2", unix.SYS_SWAPOFF)
			}
			f.begins, f.still = time.Minute, time.Minute
			if tc.wants != "" {
				f.begins, f.still = 200*time.Millisecond, 200*time.Millisecond
			}
			err := f.remove()
			if (err == nil) != (tc.wants == "") {
				t.Fatalf("got %v, want %q in it", err, tc.wants)
			}
			for part := range strings.SplitSeq(tc.wants, "|") {
				if err != nil && !strings.Contains(err.Error(), part) {
					t.Errorf("%v lacks %q", err, part)
				}
			}
			if got := strings.Join(driver.did, ", "); got != tc.did {
				t.Errorf("did %q, want %q", got, tc.did)
			}
		})
	}
}

// TestWaitingIn reads the system call of a process that waits.
func TestWaitingIn(t *testing.T) {
	if got := waitingIn(os.Getpid()); got == "" {
		t.Error("nothing is known of this process")
	}
	if got := waitingIn(1 << 29); got != "" {
		t.Errorf("of a process that is not there: %q", got)
	}
}
