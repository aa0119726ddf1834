package backend

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Root is the control group of all servers of an area. It has no limit.
const Root = "/sys/fs/cgroup/farswap-bench-servers"

// The sides of an area, which are groups below Root.
const (
	deviceSide = "device"
	donorSide  = "donor"
)

// groups makes the control groups of both sides.
func (b *bringUp) groups() error {
	for _, dir := range []string{Root, sideOf(deviceSide), sideOf(donorSide)} {
		if err := b.add(step{shell: fmt.Sprintf("[ ! -e %s ] || rmdir %s", dir, dir)}); err != nil {
			return err
		}
		if err := os.Mkdir(dir, 0o755); err != nil {
			return fmt.Errorf("control group for servers: %w", err)
		}
	}
	return nil
}

func sideOf(side string) string { return filepath.Join(Root, side) }

// cpu returns the processor time of a side's processes so far, with those that have ended.
// It returns 0 for a side that has no group.
func cpu(side string) (time.Duration, error) {
	path := filepath.Join(sideOf(side), "cpu.stat")
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	used, err := usage(string(text))
	if err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	return used, nil
}

// usage finds usage_usec in the text of cpu.stat.
func usage(text string) (time.Duration, error) {
	for line := range strings.Lines(text) {
		if value, found := strings.CutPrefix(line, "usage_usec "); found {
			µs, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
			return time.Duration(µs) * time.Microsecond, err
		}
	}
	return 0, errors.New("no usage_usec")
}
