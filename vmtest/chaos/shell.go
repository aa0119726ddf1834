package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// run runs a program that does little, and returns what it prints.
func run(argv ...string) (string, error) {
	out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, brief(out))
	}
	return string(out), nil
}

// mostOutput is how many bytes of a program's output an error has: that of one that crashes is long.
const mostOutput = 500

// brief is the begin of what a program has written.
func brief(out []byte) string {
	return strings.TrimSpace(string(out[:min(len(out), mostOutput)]))
}

// runAll runs command lines of words between spaces, until one fails.
func runAll(lines ...string) error {
	for _, line := range lines {
		if _, err := run(strings.Fields(line)...); err != nil {
			return err
		}
	}
	return nil
}

// within runs a program that has to end in time.
func within(timeout time.Duration, argv ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	out, err := exec.CommandContext(ctx, argv[0], argv[1:]...).CombinedOutput()
	if ctx.Err() != nil {
		return fmt.Errorf("%s has not ended after %v", strings.Join(argv, " "), timeout)
	}
	if err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, brief(out))
	}
	return nil
}

// start starts a program whose output goes to a file.
func start(log string, argv ...string) (*exec.Cmd, error) {
	file, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stderr = file
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", strings.Join(argv, " "), err)
	}
	return cmd, nil
}

// hasCommand reports whether this farswap has a command.
func hasCommand(words ...string) bool {
	out, err := exec.Command("farswap", append(words, "--help")...).CombinedOutput()
	return err == nil && strings.Contains(string(out), "farswap "+strings.Join(words, " "))
}

// setClock moves the time of day.
func setClock(by time.Duration) error {
	var now unix.Timespec
	err := unix.ClockGettime(unix.CLOCK_REALTIME, &now)
	if err == nil {
		now = unix.NsecToTimespec(now.Nano() + int64(by))
		err = unix.ClockSettime(unix.CLOCK_REALTIME, &now)
	}
	if err != nil {
		return fmt.Errorf("set the clock by %v: %w", by, err)
	}
	return nil
}

// ownPrograms puts the folder of this program first on the path: the others of a run lie there.
func ownPrograms() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	return os.Setenv("PATH", filepath.Dir(self)+":"+os.Getenv("PATH"))
}

// protect keeps this process in memory, and from the kernel's OOM killer: it has to see all of a fault.
func protect() error {
	if err := unix.Mlockall(unix.MCL_CURRENT | unix.MCL_FUTURE | unix.MCL_ONFAULT); err != nil {
		return fmt.Errorf("lock memory: %w", err)
	}
	return os.WriteFile("/proc/self/oom_score_adj", []byte("-1000"), 0)
}
