package donor

import (
	"errors"
	"fmt"

	"github.com/farswap/farswap/status"
)

// ErrDraining means that the donor is draining and about to end.
var ErrDraining = errors.New("the donor is draining")

// Resize changes how much the donor lends at most and how much it keeps available. memory is in
// bytes; 0 leaves the limit as it is, and a zero HeadRoom leaves the headroom as it is. Open's
// checks apply. The donor lends more at once. Above a lower limit it takes memory back: prepared
// slabs first, then slabs of devices. Errors are those of Validate, offheap.ErrLocked and
// ErrDraining; an error changes nothing.
func (d *Donor) Resize(memory int64, keep HeadRoom) error {
	d.resizing.Lock()
	defer d.resizing.Unlock()
	cfg := d.cfg
	cfg.Memory, cfg.HeadRoom = d.pool.figures().limit, HeadRoom{Bytes: d.governor.HeadRoom()}
	if cfg.HeadRoom.Bytes == 0 {
		cfg.HeadRoom.Bytes = -1 // 0 would take the default
	}
	if memory != 0 {
		cfg.Memory = memory
	}
	if keep != (HeadRoom{}) {
		cfg.HeadRoom = keep
	}
	if memory == 0 && keep == (HeadRoom{}) {
		return fmt.Errorf("resize: %w: give the memory to lend or the headroom to keep", ErrConfig)
	}
	if err := cfg.Validate(); err != nil {
		return err
	}
	if d.ledger.isDraining() {
		return fmt.Errorf("resize: %w", ErrDraining)
	}
	if more := cfg.Memory - d.pool.figures().taken; more > 0 && !d.cfg.Unlocked {
		if err := mayLock(more); err != nil {
			return err
		}
	}
	sample, err := d.cfg.Sampler.Sample()
	if err != nil {
		return fmt.Errorf("read how much memory this machine has: %w", err)
	}
	bytes := cfg.HeadRoom.of(sample.Total)
	d.governor.SetHeadRoom(bytes)
	d.pool.setLimit(cfg.Memory)
	d.noteResize(memory, keep)
	d.log.Info().Int64("bytes", cfg.Memory).Int64("headroom", bytes).Msg("donor resized")
	return nil
}

// noteResize remembers what was changed, for the next process.
func (d *Donor) noteResize(memory int64, keep HeadRoom) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var now status.DonorResize
	if d.resized != nil {
		now = *d.resized
	}
	if memory != 0 {
		now.Memory = memory
	}
	if keep != (HeadRoom{}) {
		now.HeadRoom, now.HeadRoomShare = keep.Bytes, keep.Share
	}
	d.resized = &now
}
