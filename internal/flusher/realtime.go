package flusher

import "golang.org/x/sys/unix"

// realtime is SCHED_RR at the lowest priority. It is not for the CPU's sake
// alone: where free memory is down to the kernel's reserve, the allocator lets
// real-time tasks, and few others, go down to half of it (ALLOC_MIN_RESERVE in
// mm/page_alloc.c). A socket has to have some memory to send the page whose
// going would free memory; a machine of 512 MiB that swapped over TCP stopped
// for good without this, the queue's thread looping in the allocator, and runs
// with it (./do torture).
//
// All threads are real-time, not those of the queues alone: the runtime's locks
// spin, and a spinning thread must not keep the lock's holder off the CPU.
// Threads of one priority yield to each other. So [Ease] changes all but its own,
// which holds no lock of the runtime for long.
var realtime = mark{
	set: func() error { return unix.SchedSetAttr(0, &realtimePolicy, 0) },
	has: func() (bool, error) {
		attr, err := unix.SchedGetAttr(0, 0)
		if err != nil {
			return false, err
		}
		return attr.Policy == unix.SCHED_RR, nil
	},
}

// setPlain gives the calling thread the priority of programs.
func setPlain() error { return unix.SchedSetAttr(0, &plainPolicy, 0) }

// Realtime says in one sentence what is missing if the process is not
// real-time; "" if it is. [Reexec] makes it so where it is allowed to.
func Realtime() (warning string) {
	if on, _ := realtime.has(); on {
		return ""
	}
	return "the server is not real-time: a machine short of memory may stop for good, with no memory left to send pages; run as root, or with AmbientCapabilities=CAP_SYS_NICE"
}
