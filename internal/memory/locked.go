package memory

import (
	"os"
	"strings"
	"sync"
	"time"
)

// Locked is the memory that a process has locked in RAM, in bytes, by what it is for. The
// parts add up to what /proc/PID/smaps_rollup calls Locked, but for 1 KiB a mapping,
// which the kernel rounds down.
type Locked struct {
	Program   int64 // text and data of the program
	Libraries int64 // shared libraries and other files
	Heap      int64 // Go's heap: objects, stacks of goroutines, and what is free for more
	Stacks    int64 // of threads
	Buffers   int64 // for pages on their way
	Map       int64 // where each page is
	Rings     int64 // shared with the kernel for I/O
	Probes    int64 // shared with programs in the kernel
	Other     int64 // tables of Go's runtime, memory of C libraries
}

// Total is the sum of the parts.
func (l Locked) Total() int64 {
	return l.Program + l.Libraries + l.Heap + l.Stacks + l.Buffers + l.Map + l.Rings + l.Probes + l.Other
}

// Part is memory off the heap whose purpose its owner knows. Its pages are all in RAM.
type Part struct {
	Start, End uint64
	Map        bool // it says where pages are; else it is for pages on their way
}

// Process is what tells the mappings of a process apart.
type Process struct {
	Program string // path of the executable, as /proc/PID/exe says
	Heap    uint64 // address of any object on Go's heap
	Parts   []Part // ascending
}

const (
	// heapSpan is how far apart two places on Go's heap are at most. The runtime lays the
	// heap out upwards from one address, and the kernel places all other mappings more
	// than 64 TiB above it.
	heapSpan = 1 << 40
)

// Split says what locked memory is for. The mappings are ascending, as [Mappings] gives
// them.
func (p Process) Split(mappings []Mapping) Locked {
	var sum Locked
	parts, stacks := p.Parts, ThreadStacks(mappings)
	for i, m := range mappings {
		left := m.Locked
		for len(parts) > 0 && parts[0].End <= m.Start {
			parts = parts[1:]
		}
		for len(stacks) > 0 && stacks[0].End <= m.Start {
			stacks = stacks[1:]
		}
		for _, part := range parts {
			if part.Start >= m.End {
				break
			}
			n := min(left, m.overlap(part.Start, part.End))
			left -= n
			if part.Map {
				sum.Map += n
			} else {
				sum.Buffers += n
			}
		}
		for _, stack := range stacks {
			if stack.Start >= m.End {
				break
			}
			n := min(left, m.overlap(stack.Start, stack.End))
			left -= n
			sum.Stacks += n
		}
		var before Mapping
		if i > 0 {
			before = mappings[i-1]
		}
		*p.purpose(&sum, before, m) += left
	}
	return sum
}

// overlap is how much of a range lies in a mapping, in bytes. The kernel joins neighbours
// that are alike into one mapping, and splits one that is locked in part.
func (m Mapping) overlap(start, end uint64) int64 {
	return int64(min(end, m.End) - max(start, m.Start))
}

// purpose is the part of the sum to which a mapping belongs, by what stands before it.
func (p Process) purpose(sum *Locked, before, m Mapping) *int64 {
	adjacent := before.End == m.Start
	switch {
	case m.Name == p.Program, m.Name == "" && adjacent && before.Name == p.Program:
		return &sum.Program // the latter are variables without a value in the file
	case strings.HasPrefix(m.Name, "anon_inode:[io_uring]"):
		return &sum.Rings
	case strings.HasPrefix(m.Name, "anon_inode:bpf"):
		return &sum.Probes
	case m.Name == "[stack]":
		return &sum.Stacks
	case m.Anonymous() && distance(m.Start, p.Heap) < heapSpan:
		return &sum.Heap
	case m.File(), m.Name == "" && adjacent && before.File():
		return &sum.Libraries
	}
	return &sum.Other
}

// Anonymous says whether the memory has no file behind it and may be of any purpose.
func (m Mapping) Anonymous() bool { return m.Name == "" || strings.HasPrefix(m.Name, "[anon:") }

// File says whether the memory is that of a program, a library, or another regular file.
func (m Mapping) File() bool {
	return strings.HasPrefix(m.Name, "/") && !strings.HasPrefix(m.Name, "/dev/") && !strings.HasPrefix(m.Name, "/sys/")
}

func distance(a, b uint64) uint64 { return max(a, b) - min(a, b) }

// lockedAge is how old an answer of a [LockedMeter] can be. At that rate a reading, of a
// few milliseconds, costs less than a thousandth of a processor.
const lockedAge = 5 * time.Second

// LockedMeter measures what this process has locked, at most once in five seconds. Its
// zero value is ready. Read may be called from any goroutine but one that serves I/O.
type LockedMeter struct {
	mu   sync.Mutex // guards what follows, and lets one goroutine measure
	at   time.Time
	last Locked
	heap heapMark
}

// Read returns the last measurement, or measures again when that is too old. The function
// gives the memory off the heap whose purpose is known, ascending. After an error the last
// measurement is returned with it.
func (l *LockedMeter) Read(parts func() []Part) (Locked, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.at.IsZero() && time.Since(l.at) < lockedAge {
		return l.last, nil
	}
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return l.last, err
	}
	mappings, err := Mappings()
	if err != nil {
		return l.last, err
	}
	p := Process{Program: program, Heap: l.heap.address(), Parts: parts()}
	l.last, l.at = p.Split(mappings), time.Now()
	return l.last, nil
}
