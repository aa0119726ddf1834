// Package backend has what `farswap bench run` swaps to: each brings a swap area up on
// this machine, alone, and takes it down again.
//
// # Dangers
//
// Up makes block devices and swaps on them with the highest priority: while an area is
// up, everything on this machine may be swapped to it, the caller included. What is on
// Options.Device is overwritten.
//
// Most areas keep their pages in this machine's own memory (null_blk, zram, nbd and the
// donors all do), up to Options.Size of it and beside the workload's limit. A machine
// that has no room for that runs out of memory, with the server of its swap in it.
//
// Servers of swap are in control groups of their own, below Root, which have no limits.
// Do not move them into the workload's, and do not end them by hand: an area whose
// server is gone cannot be swapped off.
//
// # Life
//
// One area is up at a time on a machine. Each step of Up first writes how it is undone
// into the script Undo, and Down goes through the same steps, the last one first, each
// with a deadline of its own. If the swap cannot be taken out of use, Down leaves its
// server alone. A process that is killed leaves the script: Up then fails with
// ErrLeftover, which names it.
//
// # Whose processor time
//
// Area.CPU counts processes, by their control groups. What kernel threads do for an area
// (nbd's and dm's workers, null_blk's timer, the zswap shrinker) cannot be told from what
// they do for others, and what zram and zswap compress is counted with whoever faults.
package backend

import (
	"context"
	"time"
)

// Options are what backends are made with.
type Options struct {
	// Size is that of the swap area, in bytes: a multiple of MinSize.
	Size int64
	// Dir is an empty folder for files; Device a block device for those that need one, may
	// be empty. What is on it is overwritten.
	Dir, Device string
	// Farswap is the program's path.
	Farswap string
	Log     func(format string, args ...any)
}

// MinSize is the smallest area, in bytes, and what its size is a multiple of.
const MinSize = 1 << 20

// Backend is one way to swap.
type Backend struct {
	Name  string
	About string
	// Lacks says what this machine lacks for it, or nothing. It changes nothing.
	Lacks func(Options) error
	// Up brings the swap area up and into use; it undoes what it did if it fails. It wraps
	// ErrLeftover, ErrBusy.
	Up func(context.Context, Options) (Area, error)
}

// Area is a swap area in use. Its methods may be called from one goroutine at a time.
type Area interface {
	// Facts describe it, in order, for each result: profile, policy, sizes, and what became
	// of it so far (compression, pages at donors).
	Facts() []Fact
	// CPU is the processor time that serving it has taken so far, of processes and kernel
	// threads that can be told: on the swapping machine's side, and on the donor's. A server
	// that has ended by itself is an error: what was measured is worth nothing.
	CPU() (device, donor time.Duration, err error)
	// Down takes it out of use and removes all that Up made. It has deadlines of its own
	// and goes on when ctx ends: half an area is worth less than a late end.
	Down(context.Context) error
}

// Fact is a name and what it is.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}
