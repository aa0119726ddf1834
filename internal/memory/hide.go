package memory

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Hide keeps the memory of this process to itself and to root (PR_SET_DUMPABLE): the kernel writes
// no core file of it, other processes of its user can neither trace it nor read its memory, and its
// files in /proc belong to root. Keys and lent pages are in there. The process itself still reads
// what /proc says of it, but only root can write there, such as its OOM score.
//
// It holds for all threads, and until the process executes a program: that one has to call Hide
// again. So call it at the start of what serves, before a secret is read where that is possible.
func Hide() error {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("keep this process out of core files and from being traced: %w", err)
	}
	return nil
}
