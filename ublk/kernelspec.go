package ublk

import "fmt"

// otherWays are the features of a device whose data or commands go a way that this package does not
// know (UBLK_F_* in include/uapi/linux/ublk_cmd.h).
const otherWays = 1<<0 | // SUPPORT_ZERO_COPY
	1<<2 | // NEED_GET_DATA
	1<<5 | // UNPRIVILEGED_DEV
	1<<7 | // USER_COPY
	1<<8 | // ZONED
	1<<11 | // AUTO_BUF_REG
	1<<15 | // BATCH_IO
	1<<16 // INTEGRITY

// Spec reads back with what specification device id was added, for [Recover]. Spare, Scheduler and
// KeepProcs are zero: the driver does not have them. It fails with ErrNoDevice, and with ErrSpec if the
// device has features that this package does not serve.
func (c *Control) Spec(id int) (Spec, error) {
	info, err := c.Info(id)
	if err != nil {
		return Spec{}, err
	}
	p, err := c.getParams(id)
	if err != nil {
		return Spec{}, err
	}
	return specOf(info, p)
}

// specOf is the specification whose parameters are p.
func specOf(info DevInfo, p params) (Spec, error) {
	if other := info.Flags & otherWays; other != 0 {
		return Spec{}, fmt.Errorf("device %d has the features %v, which cannot be served here: %w", info.ID, other, ErrSpec)
	}
	s := Spec{
		ID:     int(info.ID),
		Size:   int64(p.basic.devSectors) * SectorSize,
		Queues: int(info.Queues), Depth: int(info.Depth), MaxIO: int(info.MaxIO),
		BlockSize: 1 << p.basic.logicalShift, PhysicalBlock: 1 << p.basic.physicalShift,
		IOMin: 1 << p.basic.ioMinShift, IOOpt: 1 << p.basic.ioOptShift,
		WriteCache: p.basic.attrs&attrVolatileCache != 0,
		Rotational: p.basic.attrs&attrRotational != 0,
		NoPartScan: info.Flags&FlagNoPartScan != 0,
	}
	if p.types&paramDiscard != 0 {
		s.MaxDiscard = int(p.discard.maxSectors) * SectorSize
	}
	for r, flags := range recoveryFlags {
		if info.Flags&recoveryMask == flags {
			s.Recovery = r
		}
	}
	return s, nil
}
