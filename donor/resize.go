package donor

import (
	"errors"
	"fmt"
)

// ErrDraining refuses to change a donor that is about to end.
var ErrDraining = errors.New("the donor is being drained")

// Resize changes what the donor lends at most and what it keeps available, from now
// on: memory in bytes, 0 for as it is; a zero HeadRoom for as it is. More is checked
// as at the start and lent at once. What is lent above a lower limit is taken back
// from the devices, prepared slabs first. Errors are those of Validate,
// offheap.ErrLocked and ErrDraining; after one everything is as it was.
func (d *Donor) Resize(memory int64, keep HeadRoom) error {
	d.resizing.Lock()
	defer d.resizing.Unlock()
	cfg := d.cfg
	cfg.Memory, cfg.HeadRoom = d.pool.figures().limit, HeadRoom{Bytes: d.governor.HeadRoom()}
	if cfg.HeadRoom.Bytes == 0 {
		cfg.HeadRoom.Bytes = -1 // none, not the default
	}
	if memory != 0 {
		cfg.Memory = memory
	}
	if keep != (HeadRoom{}) {
		cfg.HeadRoom = keep
	}
	if memory == 0 && keep == (HeadRoom{}) {
		return fmt.Errorf("resize: %w: give the memory that is to be lent, or the headroom that is to be kept", ErrConfig)
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
		return fmt.Errorf("tell how much memory this machine has: %w", err)
	}
	bytes := cfg.HeadRoom.of(sample.Total)
	d.governor.SetHeadRoom(bytes)
	d.pool.setLimit(cfg.Memory)
	d.log.Info().Int64("bytes", cfg.Memory).Int64("headroom", bytes).Msg("donor resized")
	return nil
}
