package pathmodel

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// task is a thread of a process.
type task struct{ pid, tid int }

// used is what threads have used.
type used struct {
	cpu      time.Duration
	switches int64 // of the thread to another, by its own will or not
	calls    int64 // system calls, where they are counted
}

func (u used) add(v used) used {
	return used{u.cpu + v.cpu, u.switches + v.switches, u.calls + v.calls}
}

func (u used) since(v used) used {
	return used{u.cpu - v.cpu, u.switches - v.switches, u.calls - v.calls}
}

// tasksOf are the threads that a process has now.
func tasksOf(pid int) (all []task, err error) {
	entries, err := os.ReadDir(filepath.Join("/proc", strconv.Itoa(pid), "task"))
	if err != nil {
		return nil, fmt.Errorf("list the threads of process %d: %w", pid, err)
	}
	for _, e := range entries {
		if tid, err := strconv.Atoi(e.Name()); err == nil {
			all = append(all, task{pid, tid})
		}
	}
	return all, nil
}

// read returns what a thread has used since its begin. A thread that has ended has used nothing.
func (t task) read() (u used, err error) {
	folder := filepath.Join("/proc", strconv.Itoa(t.pid), "task", strconv.Itoa(t.tid))
	stat, err := os.ReadFile(filepath.Join(folder, "schedstat"))
	status, err2 := os.ReadFile(filepath.Join(folder, "status"))
	if err = errors.Join(err, err2); err != nil {
		if gone(err) {
			return used{}, nil
		}
		return used{}, fmt.Errorf("read what thread %d has used: %w", t.tid, err)
	}
	if u.cpu, err = parseSchedstat(stat); err != nil {
		return used{}, fmt.Errorf("%s/schedstat: %w", folder, err)
	}
	if u.switches, err = parseSwitches(status); err != nil {
		return used{}, fmt.Errorf("%s/status: %w", folder, err)
	}
	return u, nil
}

func gone(err error) bool { return errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ESRCH) }

// parseSchedstat reads the time on a CPU, the first of three numbers, in nanoseconds.
func parseSchedstat(text []byte) (time.Duration, error) {
	first, _, _ := bytes.Cut(text, []byte(" "))
	ns, err := strconv.ParseInt(string(first), 10, 64)
	return time.Duration(ns), err
}

// parseSwitches reads how often the thread was switched for another.
func parseSwitches(status []byte) (n int64, err error) {
	found := 0
	for line := range bytes.Lines(status) {
		name, value, _ := bytes.Cut(line, []byte(":"))
		if string(name) != "voluntary_ctxt_switches" && string(name) != "nonvoluntary_ctxt_switches" {
			continue
		}
		v, err := strconv.ParseInt(string(bytes.TrimSpace(value)), 10, 64)
		if err != nil {
			return 0, err
		}
		n += v
		found++
	}
	if found != 2 {
		return 0, errors.New("the kernel does not tell a thread's switches")
	}
	return n, nil
}
