package memory

import "golang.org/x/sys/unix"

// Stack is the memory of one thread's stack. It is used from the end downwards.
type Stack struct{ Start, End uint64 }

const (
	// guardSize is the memory without access that the C library puts below a stack.
	guardSize = 4096
	// largestStack is the limit of most machines, which a server lowers before it starts.
	largestStack = 8 << 20
)

// ThreadStacks finds the stacks of the threads that the C library has started, in
// ascending order, by the guards below them. Each is as large as the process's limit
// (RLIMIT_STACK), rounded to pages; none are found where that is no limit. A build without
// cgo has none: the stacks of its threads are on Go's heap.
func ThreadStacks(mappings []Mapping) []Stack {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_STACK, &limit); err != nil || limit.Cur > largestStack {
		return nil
	}
	return stacksOf(mappings, limit.Cur/guardSize*guardSize)
}

// stacksOf is ThreadStacks for stacks of a size in bytes.
func stacksOf(mappings []Mapping, size uint64) []Stack {
	var stacks []Stack
	for i := 1; i < len(mappings); i++ {
		guard, m := mappings[i-1], mappings[i]
		isGuard := guard.Anonymous() && guard.Perms == "---p" && guard.Size() == guardSize && guard.End == m.Start
		if !isGuard || !m.Anonymous() || !m.Readable() {
			continue
		}
		if n := len(stacks); n == 0 || stacks[n-1].End <= m.Start {
			stacks = append(stacks, Stack{m.Start, m.Start + size})
		}
	}
	return stacks
}
