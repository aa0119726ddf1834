// Package backend has the swap areas of `farswap bench run`. Each backend brings a swap area
// up on this machine, by itself, and takes it down again.
//
// # Dangers
//
//   - Up makes block devices and turns swap on for them with the highest priority. While
//     an area is up, the kernel may swap all programs to it, the caller as well.
//   - Up overwrites Options.Device.
//   - Most areas keep their pages in this machine's own memory (null_blk, zram, nbd and the
//     donors), up to Options.Size bytes beside the workload's limit. A machine without room
//     for that runs out of memory, while the server of its swap runs on it.
//   - Servers of swap are in control groups of their own, below Root, which have no limits.
//     Do not move them into the workload's group, and do not end them by hand: an area
//     whose server is gone cannot be swapped off.
//
// # Life
//
// A machine has one area up at a time. Each step of Up first writes into the script Undo how
// to undo it. Down undoes the same steps, the last one first, each with a deadline of its
// own. If Down cannot turn the swap off, it leaves the server alone. A process that is
// killed leaves the script, and the next Up fails with ErrLeftover, which names the script.
//
// # Whose processor time
//
// Area.CPU counts processes, by their control groups. It cannot count the work of kernel
// threads for an area (nbd's and dm's workers, null_blk's timer, the zswap shrinker), because
// that work cannot be told from their work for others. The compression of zram and zswap
// counts with the process that faults.
package backend

import (
	"context"
	"time"
)

// Options configure a backend.
type Options struct {
	// Size is the size of the swap area in bytes, a multiple of MinSize.
	Size int64
	// Dir is an empty folder for files. Device is a block device for the backends that need
	// one; it may be empty. Up overwrites the device.
	Dir, Device string
	// Farswap is the program's path.
	Farswap string
	Log     func(format string, args ...any)
}

// MinSize is the size of the smallest area, in bytes. Sizes are multiples of it.
const MinSize = 1 << 20

// Backend is one way to swap.
type Backend struct {
	Name  string
	About string
	// Lacks returns what this machine lacks for the backend, or nil. It changes nothing.
	Lacks func(Options) error
	// Up brings the swap area up and turns swap on. If it fails, it undoes what it did. Its
	// error can wrap ErrLeftover or ErrBusy.
	Up func(context.Context, Options) (Area, error)
}

// Area is a swap area in use. Only one goroutine at a time may call its methods.
type Area interface {
	// Facts returns what describes the area, in order: profile, policy, sizes, and figures
	// so far (compression, pages at donors).
	Facts() []Fact
	// CPU returns the processor time that serving the area has taken so far, on the side of
	// the swapping machine and on the donor's side. It is an error if a server has ended by
	// itself, because the measurement is then worth nothing.
	CPU() (device, donor time.Duration, err error)
	// Down turns swap off and removes all that Up made. It has deadlines of its own, and
	// goes on when ctx ends, because a late end is better than half an area.
	Down(context.Context) error
}

// Fact is a name and its value.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}
