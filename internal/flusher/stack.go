package flusher

import "golang.org/x/sys/unix"

// threadStack is the stack of a thread in bytes. In a build with cgo the C
// library maps the stacks, each as large as the limit of the process was when it
// began, 8 MiB on most machines, and [Protect] would lock them all.
const threadStack = 256 << 10

// smallStacks is not one thread's, but like the other marks it has its effect on
// the threads of the image that is executed next.
var smallStacks = mark{
	set: func() error {
		var limit unix.Rlimit
		if err := unix.Getrlimit(unix.RLIMIT_STACK, &limit); err != nil {
			return err
		}
		limit.Cur = min(threadStack, limit.Max)
		return unix.Setrlimit(unix.RLIMIT_STACK, &limit)
	},
	has: func() (bool, error) {
		var limit unix.Rlimit
		err := unix.Getrlimit(unix.RLIMIT_STACK, &limit)
		return limit.Cur <= threadStack, err
	},
}
