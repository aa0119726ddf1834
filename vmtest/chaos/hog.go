package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// hogLeaves is how much available memory a hog leaves, in bytes.
const hogLeaves = 12 << 20

// runHog takes memory until little is available, keeps it for a while, and ends. The kernel's OOM killer takes it
// before anything else.
func runHog(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("hog: want a duration, not %q", args)
	}
	d, err := time.ParseDuration(args[0])
	if err != nil {
		return err
	}
	if err := os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0); err != nil {
		return err
	}
	const step = 4 << 20
	for end := time.Now().Add(d); time.Now().Before(end); {
		available, err := available()
		if err != nil {
			return err
		}
		if available < hogLeaves+step {
			time.Sleep(100 * time.Millisecond)
			continue
		}
		b, err := unix.Mmap(-1, 0, step, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
		if err != nil {
			return fmt.Errorf("take %d bytes: %w", step, err)
		}
		for i := 0; i < len(b); i += pageSize {
			b[i] = byte(i>>12) | 1
		}
	}
	return nil
}

// hog runs a hog on this machine. That the OOM killer ends it is what it is for.
func hog(d time.Duration) error {
	out, err := exec.Command("/proc/self/exe", "hog", d.String()).CombinedOutput()
	if err != nil && !strings.Contains(err.Error(), "killed") {
		return fmt.Errorf("take the memory of the machine: %w: %s", err, out)
	}
	return nil
}

// available is how much memory the kernel says is available, in bytes.
func available() (int64, error) {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, err
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		if f := strings.Fields(lines.Text()); len(f) > 1 && f[0] == "MemAvailable:" {
			kib, err := strconv.ParseInt(f[1], 10, 64)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("/proc/meminfo has no MemAvailable")
}
