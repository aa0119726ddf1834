package donor

import (
	"fmt"

	"github.com/farswap/farswap/internal/memory"
)

// defaultShare is the share of memory that is kept available if nothing else is
// said: the paper keeps 8 of 64 GB.
const defaultShare = 1.0 / 8

// HeadRoom is how much memory a donor leaves available to its machine's own
// programs: Bytes, or Share of all memory. With both 0 it is an eighth of all;
// negative Bytes are none.
type HeadRoom struct {
	Bytes int64
	Share float64 // 0 to 1; Bytes must be 0
}

// of is the headroom in bytes on a machine with so much memory.
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

// Sampler says how much memory is available. It is asked from one goroutine at a
// time.
type Sampler interface {
	Sample() (memory.Sample, error)
}

// checkMemory holds what is lent and kept against the machine. Precondition:
// withDefaults.
func (c Config) checkMemory() error {
	if err := c.HeadRoom.check(); err != nil {
		return err
	}
	s, err := c.Sampler.Sample()
	if err != nil {
		return fmt.Errorf("tell how much memory this machine has: %w", err)
	}
	keep := c.HeadRoom.of(s.Total)
	switch {
	case c.Memory >= s.Total:
		return fmt.Errorf("memory of %d bytes: %w: this machine has %d in all, and needs some itself: %w", c.Memory, ErrConfig, s.Total, ErrMemory)
	case keep > s.Total-c.Memory:
		return fmt.Errorf("memory of %d bytes and headroom of %d: %w: this machine has %d in all: %w",
			c.Memory, keep, ErrConfig, s.Total, ErrHeadRoom)
	}
	return nil
}
