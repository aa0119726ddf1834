package ublk

import (
	"errors"
	"fmt"
)

// Op is a request's operation (UBLK_IO_OP_*).
type Op uint8

// Operations that a Target is asked for.
const (
	OpRead        Op = 0
	OpWrite       Op = 1
	OpFlush       Op = 2
	OpDiscard     Op = 3
	OpWriteZeroes Op = 5
)

func (o Op) String() string {
	switch o {
	case OpRead:
		return "read"
	case OpWrite:
		return "write"
	case OpFlush:
		return "flush"
	case OpDiscard:
		return "discard"
	case OpWriteZeroes:
		return "write-zeroes"
	}
	return fmt.Sprintf("op %d", uint8(o))
}

// descSwap marks a write by the swap subsystem (UBLK_IO_F_SWAP).
const descSwap = 1 << 16

// Desc is one request: an operation on Length bytes at Offset.
type Desc struct {
	Op     Op
	Swap   bool // a swap write; swap reads look like any other
	Offset int64
	Length int
}

// rawDesc is struct ublksrv_io_desc, written by the kernel.
type rawDesc struct {
	opFlags     uint32
	sectors     uint32
	startSector uint64
	addr        uint64
}

var errDesc = errors.New("descriptor is not possible")

// bounds is what a descriptor must fit.
type bounds struct {
	size  int64 // of the device, bytes
	maxIO int   // of one read or write, bytes
}

// parse checks what the kernel gave: a driver of another version, or an area
// mapped at the wrong place, must not become memory corruption.
func (r rawDesc) parse(b bounds) (Desc, error) {
	d := Desc{Op: Op(r.opFlags), Swap: r.opFlags&descSwap != 0}
	switch d.Op {
	case OpFlush:
		return d, nil
	case OpRead, OpWrite, OpDiscard, OpWriteZeroes:
	default:
		return Desc{}, fmt.Errorf("%v: %w", d.Op, errDesc)
	}
	if r.startSector > uint64(b.size)/SectorSize || uint64(r.sectors) > uint64(b.size)/SectorSize-r.startSector {
		return Desc{}, fmt.Errorf("%v of %d sectors at %d, device of %d bytes: %w", d.Op, r.sectors, r.startSector, b.size, errDesc)
	}
	d.Offset, d.Length = int64(r.startSector)*SectorSize, int(r.sectors)*SectorSize
	if (d.Op == OpRead || d.Op == OpWrite) && d.Length > b.maxIO {
		return Desc{}, fmt.Errorf("%v of %d bytes, limit %d: %w", d.Op, d.Length, b.maxIO, errDesc)
	}
	return d, nil
}
