package path

import (
	"github.com/farswap/farswap/ublk"
	"github.com/farswap/farswap/uring"
)

// BlockQueue is what a queue needs of the block device's queue; *ublk.Queue has it.
type BlockQueue interface {
	Index() int
	Depth() int
	Loop() *uring.Loop
	Arena() []byte
	Buffer(tag int) []byte
	BufferAt(buf int) []byte
	Detach(tag int) (buf int, ok bool)
	TakeSpare() (buf int, ok bool)
	Release(buf int)
	Complete(tag int, res int32)
	RegisterFile(slot int, fd int32) error
}

var _ BlockQueue = (*ublk.Queue)(nil)
