package inuse

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Area is a swap area that is on, as /proc/swaps lists it. An area that is being taken off is
// listed until its last page is gone.
type Area struct {
	Path     string // as the kernel writes it: " (deleted)" follows when its node is gone
	Size     int64  // bytes
	Used     int64  // bytes
	Priority int
}

// Free is what the area can still take, in bytes.
func (a Area) Free() int64 { return max(a.Size-a.Used, 0) }

// Areas lists all swap areas of the machine.
func Areas() ([]Area, error) { return AreasIn("/") }

// AreasOn lists the swap areas on the block device at path, /dev/NAME, and on its partitions.
func AreasOn(path string) ([]Area, error) {
	all, err := Areas()
	if err != nil || len(all) == 0 {
		return nil, err
	}
	d, err := look("/", filepath.Base(path))
	if err != nil {
		return nil, err
	}
	var found []Area
	for _, a := range all {
		if d.is(a.Path) {
			found = append(found, a)
		}
	}
	return found, nil
}

// AreasIn is Areas of the machine whose proc lies below root. A kernel without swap has no list.
func AreasIn(root string) ([]Area, error) {
	f, err := os.Open(filepath.Join(root, "proc/swaps"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list the swap areas: %w", err)
	}
	defer f.Close()
	found, err := parseAreas(f)
	if err != nil {
		return nil, fmt.Errorf("list the swap areas: %w", err)
	}
	return found, nil
}

// parseAreas reads /proc/swaps: a head line, then a line for each area with its path, kind, size
// and use in KiB, and priority.
func parseAreas(r io.Reader) ([]Area, error) {
	var found []Area
	lines := bufio.NewScanner(r)
	for first := true; lines.Scan(); first = false {
		fields := strings.Fields(lines.Text())
		if first || len(fields) == 0 {
			continue
		}
		a := Area{Path: unescape(fields[0])}
		if len(fields) >= 5 {
			a.Size, a.Used = kib(fields[2]), kib(fields[3])
			a.Priority, _ = strconv.Atoi(fields[4]) // 0 if it is none
		}
		found = append(found, a)
	}
	return found, lines.Err()
}

// kib turns KiB into bytes. A word that is no number counts as none.
func kib(word string) int64 {
	n, err := strconv.ParseInt(word, 10, 64)
	if err != nil || n < 0 || n > 1<<52 {
		return 0
	}
	return n << 10
}
