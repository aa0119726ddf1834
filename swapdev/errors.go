package swapdev

import (
	"errors"

	"github.com/farswap/farswap/internal/devserver"
	"github.com/farswap/farswap/swapdev/lenders"
	"github.com/farswap/farswap/swapdev/path"
)

// Errors of this package.
var (
	// ErrConfig means that the configuration contradicts itself or the limits.
	ErrConfig = errors.New("wrong configuration")
	// ErrBacking means that the backing file cannot be used.
	ErrBacking = path.ErrBacking
	// ErrFull means that the disk has too little room for a new backing file.
	ErrFull = path.ErrFull
	// ErrContent means that the backing file or disk seems to hold something else.
	ErrContent = path.ErrContent
	// ErrShared means that the backing file or disk is not this device's alone.
	ErrShared = path.ErrShared
	// ErrInMemory means that the backing file is in memory itself.
	ErrInMemory = path.ErrInMemory
	// ErrNoDonor means that no donor could be reached or has room.
	ErrNoDonor = lenders.ErrNoDonor
	// ErrInUse means that stopping the device now would lose data.
	ErrInUse = devserver.ErrInUse
	// ErrProbes means that the probes in the kernel were insisted on and cannot be had.
	ErrProbes = errors.New("probes cannot be attached")
)

// Reasons for ErrConfig that a caller may want to tell apart.
var (
	ErrNoDonorNamed  = errors.New("no donor is named")
	ErrNoBackingFile = errors.New("no backing file is named")
	ErrLoss          = errors.New("without a backing file, the loss of a donor loses pages")
	ErrOneCopy       = errors.New("two copies are wanted, and there is no backing file")
	ErrNoIdentity    = errors.New("no identity")
)
