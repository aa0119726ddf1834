package swapoff

import (
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// groups finds the control groups below base that have pages in swap, and a limit which those pages
// would exceed. A limit binds a group with all groups below it, and so do the counters. A group that
// goes meanwhile is not one of them.
func groups(base string) []Group {
	var found []Group
	walk := func(dir string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return nil // it is gone
		}
		swapped, err := number(dir, "memory.swap.current")
		if err != nil && dir != base { // the root has no such file
			return filepath.SkipDir // nor have the groups below one without the controller
		}
		if err == nil && swapped == 0 {
			return filepath.SkipDir
		}
		limit, limitErr := number(dir, "memory.max") // "max" is no number
		current, currentErr := number(dir, "memory.current")
		if err != nil || limitErr != nil || currentErr != nil {
			return nil
		}
		if short := current - reclaimable(dir) + swapped - limit; short > 0 {
			found = append(found, Group{Path: "/" + strings.TrimPrefix(dir[len(base):], "/"), Limit: limit, Short: short})
		}
		return nil
	}
	_ = filepath.WalkDir(base, walk) // walk has no error: without control groups there are none
	return found
}

// number reads a file of a control group.
func number(dir, name string) (int64, error) {
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
}

// reclaimable is what a group has in memory that the kernel drops for other pages: its files.
func reclaimable(dir string) int64 {
	text, err := os.ReadFile(filepath.Join(dir, "memory.stat"))
	if err != nil {
		return 0
	}
	var sum int64
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name == "inactive_file" || name == "active_file" || name == "slab_reclaimable" {
			n, err := strconv.ParseInt(value, 10, 64)
			if err == nil {
				sum += n
			}
		}
	}
	return sum
}
