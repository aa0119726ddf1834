package harness

import (
	"fmt"
	"io/fs"
	"strings"
)

// swapArea is a line of /proc/swaps.
type swapArea struct {
	path  string
	block bool // a partition or a whole device, not a file
}

// readSwaps lists the active swap areas.
func readSwaps(root fs.FS) ([]swapArea, error) {
	text, err := fs.ReadFile(root, "proc/swaps")
	if err != nil {
		return nil, fmt.Errorf("list active swap: %w", err)
	}
	var areas []swapArea
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) < 5 || fields[0] == "Filename" {
			continue
		}
		// The kernel writes spaces in a name as octal escapes, so fields have no spaces.
		areas = append(areas, swapArea{fields[0], fields[1] == "partition"})
	}
	return areas, nil
}

// added returns the areas of now that were not there before.
func added(before, now []swapArea) []swapArea {
	var fresh []swapArea
	for _, a := range now {
		known := false
		for _, b := range before {
			known = known || a.path == b.path
		}
		if !known {
			fresh = append(fresh, a)
		}
	}
	return fresh
}
