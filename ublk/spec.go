package ublk

import (
	"fmt"
	"math/bits"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// Spec says what is wanted of a device. Size has no default, and ID 0 is the device of
// that number. Every other field may be zero, which is the plainest choice.
type Spec struct {
	ID     int   // device number, -1: the first free
	Size   int64 // bytes, a multiple of BlockSize
	Queues int   // 0: one for two CPUs, MaxDefaultQueues at most
	Depth  int   // requests in flight per queue, 1 to MaxQueueDepth; 0: DefaultDepth
	MaxIO  int   // bytes of the largest read or write, a power of two from a memory page to MaxIOBytes; 0: DefaultMaxIO
	Spare  int   // buffers per queue beyond one per tag, for Queue.Detach and Queue.TakeSpare

	// Sizes in bytes, powers of two that do not decrease from one to the next.
	BlockSize     int // the unit of all requests, 512 to a memory page; 0: DefaultBlockSize
	PhysicalBlock int // what the device writes without reading first, up to MaxIOBytes; 0: BlockSize
	IOMin         int // the smallest request that the device serves well, up to MaxIOBytes; 0: PhysicalBlock
	IOOpt         int // the size of request that it serves best, up to MaxIOBytes; 0: IOMin

	MaxDiscard int  // bytes of the largest discard or write of zeros, a multiple of BlockSize up to 1 GiB; 0: none are sent
	WriteCache bool // completed writes need a flush to be durable: the kernel sends flushes
	Rotational bool // a disk that turns: the kernel sorts and gathers for its head

	// Scheduler is the I/O scheduler, such as "none", that Start asks the kernel for;
	// "" leaves the kernel's choice. A device takes I/O with any scheduler, so one
	// that the kernel does not set is no error: see Device.Scheduler. The kernel's
	// own choice for a device of one queue may be one that sorts for a disk's head. It
	// hands each request to a kernel thread, which costs a third of the requests per
	// second.
	Scheduler string
	// NoPartScan spares the device the kernel's search for partitions, where the
	// driver can (FlagNoPartScan).
	NoPartScan bool

	Recovery Recovery // what becomes of I/O when the server dies

	// KeepProcs is uring.Config.KeepProc for the queues' threads: requests are served
	// faster, and GOMAXPROCS of the whole process is raised by Queues while the
	// device is served.
	KeepProcs bool
}

// Recovery says what becomes of a device's I/O when the process that serves it
// dies.
type Recovery uint8

// Choices of Recovery.
const (
	RecoverNone    Recovery = iota // I/O fails and the block device disappears
	RecoverQueue                   // new I/O waits for the next server; what the dead one held fails
	RecoverReissue                 // new I/O waits, and the next server gets what the dead one held
	RecoverFailIO                  // I/O fails until the next server comes (Linux 6.13)
)

var recoveryFlags = map[Recovery]Flags{
	RecoverNone:    0,
	RecoverQueue:   FlagUserRecovery,
	RecoverReissue: FlagUserRecovery | FlagUserRecoveryReissue,
	RecoverFailIO:  FlagUserRecovery | FlagRecoveryFailIO,
}

// MaxID is the largest number of a device: the driver has one minor number for each
// (UBLK_MINORS, which is 1 << MINORBITS).
const MaxID = 1<<20 - 1

// Defaults of a Spec.
const (
	DefaultDepth     = 64
	DefaultMaxIO     = 128 << 10
	DefaultBlockSize = 4096
	MaxDefaultQueues = 4
)

// maxDiscard bounds Spec.MaxDiscard: 1 GiB, far below what 32 bits of sectors hold.
const maxDiscard = 1 << 30

// WithDefaults fills in what is zero.
func (s Spec) WithDefaults() Spec {
	if s.Queues == 0 {
		// A queue's thread needs a CPU beside the application's. The more requests
		// share a queue, the more of them share a system call.
		s.Queues = min((runtime.NumCPU()+1)/2, MaxDefaultQueues)
	}
	orDefault(&s.Depth, DefaultDepth)
	orDefault(&s.MaxIO, DefaultMaxIO)
	orDefault(&s.BlockSize, DefaultBlockSize)
	orDefault(&s.PhysicalBlock, s.BlockSize)
	orDefault(&s.IOMin, s.PhysicalBlock)
	orDefault(&s.IOOpt, s.IOMin)
	return s
}

func orDefault(v *int, value int) {
	if *v == 0 {
		*v = value
	}
}

// Features are those that the driver must have for the device.
func (s Spec) Features() Flags { return FlagIoctlEncode | recoveryFlags[s.Recovery] }

// wished are features that the device does without where the driver lacks them.
func (s Spec) wished() Flags {
	f := FlagSafeStop
	if s.NoPartScan {
		f |= FlagNoPartScan
	}
	if s.Recovery != RecoverNone {
		f |= FlagQuiesce
	}
	return f
}

// Validate refuses specifications that the driver would refuse or round. Its errors
// wrap ErrSpec. It wants no zero values: see WithDefaults.
func (s Spec) Validate() error {
	page := unix.Getpagesize()
	switch {
	case s.ID < -1 || s.ID > MaxID:
		return refuse("device id %d: want 0 to %d, or -1 for any", s.ID, MaxID)
	case s.Queues < 1 || s.Queues > min(MaxQueues, runtime.NumCPU()):
		return refuse("%d queues: want 1 to %d, one per CPU", s.Queues, min(MaxQueues, runtime.NumCPU()))
	case s.Depth < 1 || s.Depth > MaxQueueDepth:
		return refuse("queue depth %d: want 1 to %d", s.Depth, MaxQueueDepth)
	case s.MaxIO < page || s.MaxIO > MaxIOBytes || !powerOfTwo(s.MaxIO):
		return refuse("largest request %d bytes: want a power of two from %d to %d", s.MaxIO, page, MaxIOBytes)
	case s.Spare < 0:
		return refuse("%d spare buffers: want 0 or more", s.Spare)
	case strings.ContainsAny(s.Scheduler, "/ \n"):
		return refuse("I/O scheduler %q: want a name such as none or mq-deadline", s.Scheduler)
	case s.Recovery > RecoverFailIO:
		return refuse("recovery %d: want one of the constants", s.Recovery)
	}
	return s.validateBlocks(page)
}

func (s Spec) validateBlocks(page int) error {
	if s.BlockSize < SectorSize || s.BlockSize > page || !powerOfTwo(s.BlockSize) {
		return refuse("blocks of %d bytes: want a power of two from %d to %d", s.BlockSize, SectorSize, page)
	}
	least := s.BlockSize
	for _, size := range []struct {
		name  string
		bytes int
	}{{"physical block", s.PhysicalBlock}, {"smallest good request", s.IOMin}, {"best request", s.IOOpt}} {
		if size.bytes < least || size.bytes > MaxIOBytes || !powerOfTwo(size.bytes) {
			return refuse("%s of %d bytes: want a power of two from %d to %d", size.name, size.bytes, least, MaxIOBytes)
		}
		least = size.bytes
	}
	switch {
	case s.Size < int64(s.BlockSize) || s.Size%int64(s.BlockSize) != 0:
		return refuse("size %d bytes: want a multiple of %d", s.Size, s.BlockSize)
	case s.MaxDiscard < 0 || s.MaxDiscard%s.BlockSize != 0 || s.MaxDiscard > maxDiscard:
		return refuse("largest discard %d bytes: want a multiple of %d up to 1 GiB", s.MaxDiscard, s.BlockSize)
	}
	return nil
}

func refuse(format string, a ...any) error {
	return fmt.Errorf(format+": %w", append(a, ErrSpec)...)
}

func powerOfTwo(n int) bool { return bits.OnesCount(uint(n)) == 1 }

func shift(n int) uint8 { return uint8(bits.TrailingZeros(uint(n))) }

// params are the driver's parameters for the specification.
func (s Spec) params() params {
	var p params
	p.types = paramBasic
	if s.WriteCache {
		p.basic.attrs |= attrVolatileCache
	}
	if s.Rotational {
		p.basic.attrs |= attrRotational
	}
	p.basic.logicalShift, p.basic.physicalShift = shift(s.BlockSize), shift(s.PhysicalBlock)
	p.basic.ioMinShift, p.basic.ioOptShift = shift(s.IOMin), shift(s.IOOpt)
	p.basic.maxSectors = uint32(s.MaxIO / SectorSize)
	p.basic.devSectors = uint64(s.Size / SectorSize)
	if s.MaxDiscard > 0 {
		p.types |= paramDiscard
		p.discard.granularity = uint32(s.BlockSize)
		p.discard.maxSectors = uint32(s.MaxDiscard / SectorSize)
		p.discard.maxWriteZeroes = uint32(s.MaxDiscard / SectorSize)
		p.discard.maxSegments = 1
	}
	return p
}
