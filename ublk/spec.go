package ublk

import (
	"fmt"
	"math/bits"
	"runtime"
)

// BlockSize is the logical and physical block size of every device, in bytes:
// the page that swap reads and writes.
const BlockSize = 4096

// Spec is the shape of a device that is to be added.
type Spec struct {
	ID         int   // device number, -1: the first free
	Size       int64 // bytes, a multiple of BlockSize
	Queues     int   // 0: one per CPU, MaxDefaultQueues at most
	Depth      int   // requests in flight per queue, 1 to MaxQueueDepth; 0: DefaultDepth
	MaxIO      int   // bytes of the largest read or write, a power of two from BlockSize to MaxIOBytes; 0: DefaultMaxIO
	Spare      int   // buffers per queue beyond one per tag, for Queue.Detach
	MaxDiscard int   // bytes of the largest discard, a multiple of BlockSize; 0: no discard
	WriteCache bool  // completed writes need a flush to be durable: the kernel sends flushes
	Rotational bool  // a disk that turns: the kernel sorts and gathers for its head
}

// Defaults of a Spec.
const (
	DefaultDepth     = 64
	DefaultMaxIO     = 128 << 10 // as much as one round of swap-out gathers (SWAP_CLUSTER_MAX pages)
	MaxDefaultQueues = 4
)

// WithDefaults fills in what is zero.
func (s Spec) WithDefaults() Spec {
	if s.Queues == 0 {
		// A queue's thread wants a CPU beside the application's; and the more
		// requests share a queue, the more of them share a system call.
		s.Queues = min((runtime.NumCPU()+1)/2, MaxDefaultQueues)
	}
	if s.Depth == 0 {
		s.Depth = DefaultDepth
	}
	if s.MaxIO == 0 {
		s.MaxIO = DefaultMaxIO
	}
	return s
}

// Validate refuses shapes that the driver would refuse or round. Its errors
// wrap ErrSpec.
func (s Spec) Validate() error {
	refuse := func(format string, a ...any) error {
		return fmt.Errorf(format+": %w", append(a, ErrSpec)...)
	}
	switch {
	case s.ID < -1:
		return refuse("device id %d: want 0 or more, or -1 for any", s.ID)
	case s.Size < BlockSize || s.Size%BlockSize != 0:
		return refuse("size %d bytes: want a multiple of %d", s.Size, BlockSize)
	case s.Queues < 1 || s.Queues > min(MaxQueues, runtime.NumCPU()):
		return refuse("%d queues: want 1 to %d, one per CPU", s.Queues, min(MaxQueues, runtime.NumCPU()))
	case s.Depth < 1 || s.Depth > MaxQueueDepth:
		return refuse("queue depth %d: want 1 to %d", s.Depth, MaxQueueDepth)
	case s.MaxIO < BlockSize || s.MaxIO > MaxIOBytes || bits.OnesCount(uint(s.MaxIO)) != 1:
		return refuse("largest request %d bytes: want a power of two from %d to %d", s.MaxIO, BlockSize, MaxIOBytes)
	case s.Spare < 0:
		return refuse("%d spare buffers", s.Spare)
	case s.MaxDiscard < 0 || s.MaxDiscard%BlockSize != 0 || s.MaxDiscard > 1<<30:
		return refuse("largest discard %d bytes: want a multiple of %d up to 1 GiB", s.MaxDiscard, BlockSize)
	}
	return nil
}

// params are the driver's parameters for the shape.
func (s Spec) params() params {
	var p params
	p.types = paramBasic
	if s.WriteCache {
		p.basic.attrs |= attrVolatileCache
	}
	if s.Rotational {
		p.basic.attrs |= attrRotational
	}
	shift := uint8(bits.TrailingZeros(BlockSize))
	p.basic.logicalShift, p.basic.physicalShift = shift, shift
	p.basic.ioMinShift, p.basic.ioOptShift = shift, shift
	p.basic.maxSectors = uint32(s.MaxIO / SectorSize)
	p.basic.devSectors = uint64(s.Size / SectorSize)
	if s.MaxDiscard > 0 {
		p.types |= paramDiscard
		p.discard.granularity = BlockSize
		p.discard.maxSectors = uint32(s.MaxDiscard / SectorSize)
		p.discard.maxWriteZeroes = uint32(s.MaxDiscard / SectorSize)
		p.discard.maxSegments = 1
	}
	return p
}
