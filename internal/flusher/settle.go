package flusher

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/internal/memory"
)

// wholeBelow is the size in bytes up to which anonymous memory is made resident as a
// whole. The C library's arenas (132 KiB) are smaller. What is larger is the heap of Go's
// runtime, its tables, of which it uses some pages (32 MiB that list the arenas of the
// heap), and the cryptographic library's 32 MiB for a source of entropy that it uses in
// FIPS mode only.
const wholeBelow = 512 << 10

// stackUsed is how much of a thread's stack is made resident, in bytes from its top. In a
// build without cgo Go's runtime makes do with 16 KiB; the C library keeps some KiB of its
// own there. Only C code that the control plane calls, such as that which resolves names,
// goes deeper, and Go's scheduler does not wait for a thread in C. C functions on a
// queue's thread run on stacks of package offheap.
const stackUsed = 64 << 10

// gcPercent is by how much the heap grows before it is collected. The default, 100, locks
// twice as much for garbage: 4 MiB at least. The control plane alone allocates, some 100
// KiB for each question about the status.
const gcPercent = 50

// Settle makes resident what a server touches, and gives back what starting has left. Call
// it after [Protect], when everything is open and before the kernel swaps to the device: it
// stops the world, allocates and reads files. Libraries that were loaded
// since Protect are locked by it, too.
func Settle() error {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	// The garbage of the start, which includes the type information of the kernel, would
	// stay locked otherwise.
	debug.FreeOSMemory()
	if err := settleAll(); err != nil {
		return err
	}
	fillHeap()
	return settleAll() // what these two have made
}

// settleAll makes every mapping resident, as far as a server touches it.
func settleAll() error {
	mappings, err := memory.Mappings()
	if err != nil {
		return fmt.Errorf("make memory resident: %w", err)
	}
	stacks := memory.ThreadStacks(mappings)
	for _, s := range stacks {
		if err := populateMade(max(s.Start, s.End-stackUsed), s.End); err != nil {
			return err
		}
	}
	var before memory.Mapping
	for _, m := range mappings {
		stack := slices.ContainsFunc(stacks, func(s memory.Stack) bool { return m.Start < s.End && m.End > s.Start })
		if err := settle(before, m, stack); err != nil {
			return err
		}
		before = m
	}
	return nil
}

// settle makes one mapping resident, as far as a server touches it. Stacks of threads are
// so already.
func settle(before, m memory.Mapping, stack bool) error {
	switch {
	case stack, !m.Readable(): // guards, and addresses kept for later
		return nil
	case m.File():
		if err := populate(m.Start, m.End); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrMemlock, m.Name, err)
		}
		return nil
	case !m.Anonymous() && m.Name != "[stack]" && m.Name != "[heap]": // the kernel's own, and devices
		return nil
	}
	if m.Size() <= wholeBelow {
		return populateMade(m.Start, m.End)
	}
	// One touched byte would lock 2 MiB.
	if !m.Huge {
		_, _, _ = unix.Syscall(unix.SYS_MADVISE, uintptr(m.Start), uintptr(m.Size()), unix.MADV_NOHUGEPAGE)
	}
	if before.File() && before.End == m.Start {
		// Variables of the program. Go's linker puts large ones last.
		return populateMade(m.Start, m.Start+wholeBelow)
	}
	return nil
}

// populateMade populates memory that has no file. Some of it may be gone since it was
// listed: a thread has ended, a table was given back.
func populateMade(start, end uint64) error {
	err := populate(start, end)
	if err != nil && !errors.Is(err, unix.ENOMEM) {
		return fmt.Errorf("%w: %d bytes at %x: %w", ErrMemlock, end-start, start, err)
	}
	return nil
}

// populate locks memory and reads, or makes, every page of it now. Pages of files that the
// process may change become its own.
func populate(start, end uint64) error {
	_, _, errno := unix.Syscall(unix.SYS_MLOCK, uintptr(start), uintptr(end-start), 0)
	if errno != 0 {
		return fmt.Errorf("mlock: %w", errno)
	}
	return nil
}

// fillHeap touches most of what the heap may grow by before it is collected, so that the
// control plane, which allocates, takes no new memory from the machine between two
// collections. The runtime keeps that much and a tenth more when it gives memory back.
// The rest is left out: to reach the goal would start a collection and raise the goal.
func fillHeap() {
	const (
		block    = 64 << 10
		page     = 4 << 10
		percent  = 75
		atMost   = 16 << 20 // a larger goal is a mistake, and not to be locked
		goalName = "/gc/heap/goal:bytes"
		heapName = "/memory/classes/heap/objects:bytes"
	)
	s := []metrics.Sample{{Name: goalName}, {Name: heapName}}
	metrics.Read(s)
	goal, used := int64(s[0].Value.Uint64()), int64(s[1].Value.Uint64())
	var blocks [][]byte
	for range min(atMost, (goal-used)*percent/100) / block {
		b := make([]byte, block)
		for i := 0; i < len(b); i += page {
			b[i] = 1
		}
		blocks = append(blocks, b)
	}
	runtime.KeepAlive(blocks)
}
