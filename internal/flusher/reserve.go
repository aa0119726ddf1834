package flusher

import (
	"fmt"
	"path/filepath"
	"strconv"
)

// leastReserve is what the kernel should keep free, in KiB, for sockets to send
// pages when nothing else is: a machine of 574 MiB that swapped over TCP stalled
// with the 3 MiB that it had by itself, and ran with this.
const leastReserve = 32 << 10

// Reserve looks at the kernel's reserve of free memory, below a root that holds
// proc, and says in one sentence when it is small. "" means that it is not, or
// cannot be told.
func Reserve(root string) (warning string) {
	text, err := readValue(filepath.Join(root, "proc/sys/vm/min_free_kbytes"))
	if err != nil {
		return ""
	}
	have, err := strconv.Atoi(text)
	if err != nil || have >= leastReserve {
		return ""
	}
	return fmt.Sprintf("vm.min_free_kbytes is %d: under pressure TCP may find no memory to send pages with; raise it, sysctl vm.min_free_kbytes=%d or more", have, leastReserve)
}
