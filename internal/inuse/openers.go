package inuse

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Opener is a process that has a block device open.
type Opener struct {
	PID  int
	Name string // of its program, as /proc has it; empty if it has just ended
}

// String names the process.
func (o Opener) String() string { return fmt.Sprintf("process %d (%s)", o.PID, o.Name) }

// Name names processes, separated by commas.
func Name(by []Opener) string {
	var names []string
	for _, o := range by {
		names = append(names, o.String())
	}
	return strings.Join(names, ", ")
}

// Openers lists the processes that have the block device at path, /dev/NAME, or a partition of it open, also when its
// node is gone. It follows no link, so it waits for no file system. Processes that this one may not look at are
// missing, and so are mounts, swap and other devices on top: see Find.
func Openers(path string) []Opener { return openers("/", filepath.Base(path)) }

func openers(root, name string) []Opener {
	files, err := filepath.Glob(filepath.Join(root, "proc/[0-9]*/fd/*"))
	if err != nil {
		return nil
	}
	var found []Opener
	for _, file := range files {
		to, err := os.Readlink(file)
		if err != nil || !isNode(to, name) {
			continue
		}
		process := filepath.Dir(filepath.Dir(file))
		pid, err := strconv.Atoi(filepath.Base(process))
		if err != nil || len(found) > 0 && found[len(found)-1].PID == pid {
			continue
		}
		comm, _ := os.ReadFile(filepath.Join(process, "comm"))
		found = append(found, Opener{pid, strings.TrimSpace(string(comm))})
	}
	return found
}

// isNode reports whether a path is that of the node of a block device, or of a partition of it.
func isNode(path, name string) bool {
	path = strings.TrimSuffix(path, " (deleted)")
	if !strings.HasPrefix(path, "/") {
		return false
	}
	rest, ok := strings.CutPrefix(filepath.Base(path), name)
	if !ok {
		return false
	}
	part, partition := strings.CutPrefix(rest, "p")
	_, err := strconv.ParseUint(part, 10, 32)
	return rest == "" || partition && err == nil
}
