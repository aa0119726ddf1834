package backend

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// commandTimeout bounds a command, on a machine that may be an emulated one: most of all
// swapoff, which reads what is still swapped out, from a hard disk if need be.
const commandTimeout = 2 * time.Minute

// command runs a command to its end and gives what it printed, which is also part of its
// error. It is killed after commandTimeout, or when ctx ends.
func command(ctx context.Context, argv ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.WaitDelay = time.Second
	output, err := cmd.CombinedOutput()
	text := string(bytes.TrimSpace(output))
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return text, fmt.Errorf("%s did not end in time and was killed: %s", strings.Join(argv, " "), text)
	case err != nil:
		return text, fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, text)
	default:
		return text, nil
	}
}

// pageSize is that of swap, in bytes, and the block size of devices.
const pageSize = 4096

// loaded reports whether the kernel has a module: loaded, or built in with parameters.
func loaded(name string) bool {
	_, err := os.Stat("/sys/module/" + name)
	return err == nil
}

// module loads a kernel module, unless the kernel has it. A kernel into which it is built
// may have no folder of modules for modprobe to look at.
func module(ctx context.Context, name string, parameters ...string) error {
	if loaded(name) {
		return nil
	}
	_, err := command(ctx, append([]string{"modprobe", name}, parameters...)...)
	return err
}

// set writes one value into a file of sysfs or configfs.
func set(path, value string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("set %s to %s: %w", path, value, err)
	}
	defer f.Close()
	if _, err := f.WriteString(value); err != nil {
		return fmt.Errorf("set %s to %s: %w", path, value, err)
	}
	return nil
}

// get reads one value from such a file, without the newline.
func get(path string) (string, error) {
	data, err := os.ReadFile(path)
	return strings.TrimSpace(string(data)), err
}

// until looks ten times a second whether something is so. Its error is ctx's, with what
// was waited for, or ready's.
func until(ctx context.Context, timeout time.Duration, what string, ready func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	for {
		if ok, err := ready(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waited for %s: %w", what, context.Cause(ctx))
		case <-time.After(100 * time.Millisecond):
		}
	}
}
