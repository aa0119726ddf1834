package flusher

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// realtimePolicy and plainPolicy are what threads of a server run at. The first is the lowest real-time priority.
var (
	realtimePolicy = unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_RR, Priority: 1}
	plainPolicy    = unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_NORMAL}
)

// threads are those of this process, but for one.
type threads struct {
	except int
	known  []int // as of the last list
}

// set gives all threads a policy, those that are known first: that takes nothing of the kernel. A thread that starts
// meanwhile has the policy of the one that started it, so there may be new ones until a list has none.
func (t *threads) set(policy *unix.SchedAttr) error {
	done := make(map[int]bool, 2*len(t.known))
	if err := setEach(t.known, done, policy); err != nil {
		return err
	}
	for {
		list, err := t.list()
		if err != nil {
			return err
		}
		t.known = list
		if !slices.ContainsFunc(list, func(tid int) bool { return !done[tid] }) {
			return nil
		}
		if err := setEach(list, done, policy); err != nil {
			return err
		}
	}
}

// setEach gives threads that are not done yet a policy. Those that have ended need none.
func setEach(tids []int, done map[int]bool, policy *unix.SchedAttr) error {
	for _, tid := range tids {
		if done[tid] {
			continue
		}
		done[tid] = true
		if err := unix.SchedSetAttr(tid, policy, 0); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("set the scheduling policy of thread %d to %d: %w", tid, policy.Policy, err)
		}
	}
	return nil
}

func (t *threads) list() ([]int, error) {
	dir, err := os.Open("/proc/self/task")
	if err != nil {
		return nil, err
	}
	names, err := dir.Readdirnames(-1)
	if err = errors.Join(err, dir.Close()); err != nil {
		return nil, err
	}
	var tids []int
	for _, name := range names {
		tid, err := strconv.Atoi(name)
		if err != nil {
			return nil, fmt.Errorf("list the threads of this process: %w", err)
		}
		if tid != t.except {
			tids = append(tids, tid)
		}
	}
	return tids, nil
}
