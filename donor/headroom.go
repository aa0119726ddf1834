package donor

import (
	"fmt"

	"github.com/farswap/farswap/internal/memory"
)

// defaultShare is the share of the machine's memory that stays available by default: the paper
// keeps 8 of 64 GB.
const defaultShare = 1.0 / 8

// HeadRoom is the memory that a donor leaves to its machine's own programs: Bytes, or Share of
// the machine's memory. If both are 0, it is an eighth of the machine's memory. Negative Bytes
// mean no headroom.
type HeadRoom struct {
	Bytes int64
	Share float64 // 0 to 1; Bytes must be 0
}

// of is the headroom in bytes on a machine with total bytes of memory.
func (h HeadRoom) of(total int64) int64 {
	switch {
	case h.Bytes != 0:
		return max(h.Bytes, 0)
	case h.Share != 0:
		return int64(h.Share * float64(total))
	default:
		return int64(defaultShare * float64(total))
	}
}

func (h HeadRoom) check() error {
	switch {
	case !(h.Share >= 0 && h.Share < 1):
		return fmt.Errorf("headroom of %g%%: %w: want a share of the machine's memory from 0 to less than 100%%", h.Share*100, ErrConfig)
	case h.Share != 0 && h.Bytes != 0:
		return fmt.Errorf("headroom of %d bytes and of %g%%: %w: give one", h.Bytes, h.Share*100, ErrConfig)
	}
	return nil
}

// Sampler reads how much memory is available. One goroutine at a time calls it.
type Sampler interface {
	Sample() (memory.Sample, error)
}

// checkMemory compares the memory to lend and the headroom with the machine's memory.
// Precondition: withDefaults.
func (c Config) checkMemory() error {
	if err := c.HeadRoom.check(); err != nil {
		return err
	}
	s, err := c.Sampler.Sample()
	if err != nil {
		return fmt.Errorf("read how much memory this machine has: %w", err)
	}
	keep := c.HeadRoom.of(s.Total)
	switch {
	case c.Memory >= s.Total:
		return fmt.Errorf("memory of %d bytes: %w: this machine has %d in all and needs some itself: %w", c.Memory, ErrConfig, s.Total, ErrMemory)
	case keep > s.Total-c.Memory:
		return fmt.Errorf("memory of %d bytes and headroom of %d: %w: this machine has %d in all: %w",
			c.Memory, keep, ErrConfig, s.Total, ErrHeadRoom)
	}
	return nil
}
