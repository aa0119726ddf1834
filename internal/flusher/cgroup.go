package flusher

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const unlimited = "max"

// Cgroup looks for memory limits on this process, below a root that holds proc
// and sys, and keeps the process's own cgroup out of swap where it is alone in
// it. The cgroup of a login session is shared: turning its swap off would keep
// the programs that want to swap from doing so, hence a warning only.
func Cgroup(root string) (warnings []string) {
	group, v1, err := ownGroup(filepath.Join(root, "proc/self/cgroup"))
	if err != nil {
		return []string{fmt.Sprintf("cannot tell the cgroup of this process, a memory limit on it would be dangerous: %v", err)}
	}
	if v1 {
		return []string{"the memory controller is of cgroup v1: its limits are not checked, a memory limit on this process would be dangerous"}
	}
	base := filepath.Join(root, "sys/fs/cgroup")
	// Up to the root of what this process sees, which in a container is the container's group.
	for dir := filepath.Join("/", group); ; dir = filepath.Dir(dir) {
		for _, name := range []string{"memory.max", "memory.high"} {
			limit, err := readValue(filepath.Join(base, dir, name))
			if err == nil && limit != unlimited {
				warnings = append(warnings, fmt.Sprintf("cgroup %s has %s %s: this process can deadlock with its own reclaim, set it to %s", dir, name, limit, unlimited))
			}
		}
		if dir == "/" {
			break
		}
	}
	if w := forbidSwap(filepath.Join(base, group), group); w != "" {
		warnings = append(warnings, w)
	}
	return warnings
}

// forbidSwap sets memory.swap.max to 0 in a cgroup of this process's own.
// Locked memory is not swapped anyway; this holds for what the kernel charges
// to the cgroup on its behalf.
func forbidSwap(dir, group string) (warning string) {
	path := filepath.Join(dir, "memory.swap.max")
	limit, err := readValue(path)
	if err != nil || limit == "0" { // the root cgroup, or one without the controller, has no such limit
		return ""
	}
	procs, err := readValue(filepath.Join(dir, "cgroup.procs"))
	if err != nil || procs != strconv.Itoa(os.Getpid()) {
		return fmt.Sprintf("cgroup %s is shared with other processes, so its memory.swap.max stays %s: run the server in a unit of its own", group, limit)
	}
	if err := os.WriteFile(path, []byte("0"), 0); err != nil {
		return fmt.Sprintf("cannot set memory.swap.max of cgroup %s to 0: %v", group, err)
	}
	return ""
}

// ownGroup reads the path of this process's cgroup, and whether the memory
// controller is one of version 1.
func ownGroup(path string) (group string, v1 bool, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", false, err
	}
	// Lines are ID:CONTROLLERS:PATH; version 2 is 0::PATH.
	for line := range strings.SplitSeq(strings.TrimSpace(string(data)), "\n") {
		fields := strings.SplitN(line, ":", 3)
		if len(fields) != 3 {
			return "", false, fmt.Errorf("%s: bad line %q", path, line)
		}
		switch {
		case fields[0] == "0":
			group = fields[2]
		case fields[1] == "memory":
			v1 = true
		}
	}
	if group == "" && !v1 {
		return "", false, fmt.Errorf("%s: no line of cgroup v2", path)
	}
	return group, v1, nil
}

func readValue(path string) (string, error) {
	data, err := os.ReadFile(path)
	return strings.TrimSpace(string(data)), err
}
