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

// commandTimeout bounds a command on an emulated machine. The longest command is swapoff,
// which reads what is still swapped out, perhaps from a hard disk.
const commandTimeout = 2 * time.Minute

// command runs a command to its end and returns what the command printed, which is also part
// of the error. It kills the command after commandTimeout, or when ctx ends.
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

// pageSize is the size of a page of swap, in bytes, and the block size of devices.
const pageSize = 4096

// loaded returns whether the kernel has a module: loaded, or built in with parameters.
func loaded(name string) bool {
	_, err := os.Stat("/sys/module/" + name)
	return err == nil
}

// module loads a kernel module, unless the kernel has it. It does not ask modprobe first,
// because a kernel into which the module is built may have no folder of modules.
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

// until calls ready ten times a second until it returns true. The error is that of ready, or
// that of ctx with what until waited for.
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
