package pathmodel

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"
)

// placement is on which CPUs the parts run.
type placement struct{ application, device, server unix.CPUSet }

// place returns the placement of a mode. cpus are those of the modes One and Apart, allowed
// those of Free. Preconditions: Apart has two CPUs, One has one.
func place(mode Mode, cpus []int, allowed unix.CPUSet) placement {
	switch mode {
	case One:
		one := setOf(cpus[0])
		return placement{one, one, one}
	case Apart:
		near, far := setOf(cpus[0]), setOf(cpus[1])
		return placement{near, far, near}
	default:
		return placement{allowed, allowed, allowed}
	}
}

func setOf(cpu int) (set unix.CPUSet) {
	set.Set(cpu)
	return set
}

// chooseCPUs returns the CPUs for a Config: those asked for, or the first that are allowed.
func chooseCPUs(asked []int, modes []Mode, allowed unix.CPUSet) ([]int, error) {
	var may []int
	for cpu := range len(allowed) * 64 {
		if allowed.IsSet(cpu) {
			may = append(may, cpu)
		}
	}
	for _, cpu := range asked {
		if !slices.Contains(may, cpu) {
			return nil, fmt.Errorf("CPU %d: this process may use %v: %w", cpu, may, ErrConfig)
		}
	}
	if len(asked) == 0 {
		asked = may[:min(2, len(may))]
	}
	if len(asked) < 2 && slices.Contains(modes, Apart) {
		return nil, fmt.Errorf("mode %s needs two CPUs, and this process may use %v: leave the mode out: %w", Apart, may, ErrConfig)
	}
	return asked, nil
}

// bind puts threads on CPUs, with real-time priority or without.
func bind(tasks []task, cpus unix.CPUSet, realtime bool) error {
	attr := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_NORMAL}
	if realtime {
		attr.Policy, attr.Priority = unix.SCHED_RR, 1 // as a server of devices has it
	}
	for _, t := range tasks {
		if err := unix.SchedSetaffinity(t.tid, &cpus); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("bind thread %d of process %d: %w", t.tid, t.pid, err)
		}
		if err := unix.SchedSetAttr(t.tid, &attr, 0); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("set the priority of thread %d of process %d: %w: real-time priorities need root or CAP_SYS_NICE", t.tid, t.pid, err)
		}
	}
	return nil
}
