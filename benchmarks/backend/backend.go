// Package backend has what `farswap bench run` swaps to: each brings a swap area up on
// this machine, alone, and takes it down again.
package backend

import (
	"context"
	"time"
)

// Options are what backends are made with.
type Options struct {
	// Size is that of the swap area, in bytes.
	Size int64
	// Dir is an empty folder for files; Device a block device for those that need one, may
	// be empty. What is on it is overwritten.
	Dir, Device string
	// Farswap is the program's path.
	Farswap string
	Log     func(format string, args ...any)
}

// Backend is one way to swap.
type Backend struct {
	Name  string
	About string
	// Lacks says what this machine lacks for it, or nothing.
	Lacks func(Options) error
	// Up brings the swap area up and into use; it undoes what it did if it fails.
	Up func(context.Context, Options) (Area, error)
}

// Area is a swap area in use.
type Area interface {
	// Facts describe it, in order, for each result: profile, policy, sizes.
	Facts() []Fact
	// CPU is the processor time that serving it has taken so far, of processes and kernel
	// threads that can be told: on the swapping machine's side, and on the donor's.
	CPU() (device, donor time.Duration, err error)
	// Down takes it out of use and removes all that Up made.
	Down(context.Context) error
}

// Fact is a name and what it is.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}
