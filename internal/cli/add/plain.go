package add

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/rs/zerolog"

	"github.com/farswap/farswap/internal/cli/flags"
	"github.com/farswap/farswap/internal/cli/usage"
	"github.com/farswap/farswap/internal/devserver"
	"github.com/farswap/farswap/swapdev"
	backing "github.com/farswap/farswap/swapdev/path"
	"github.com/farswap/farswap/ublk"
	disks "github.com/farswap/farswap/ublk/targets"
)

// Shapes of a plain target, in bytes. The block is the swap device's.
const (
	blockSize  = 4096
	maxDiscard = 1 << 30
)

// prepare checks the shape of the device as the driver would.
func (o *options) preparePlain(p plain, log zerolog.Logger) (opener, error) {
	p.name = o.target
	checked := p.spec
	if checked.Size == 0 {
		checked.Size = blockSize // the file's, once it is open
	}
	if err := checked.WithDefaults().Validate(); err != nil {
		return nil, err
	}
	return func(context.Context) (device, error) {
		return serveTarget(p, devserver.Config{StateRoot: o.root, LogDropped: o.logDropped}, log)
	}, nil
}

// spec is the device of a plain target, as like the swap device as the target allows: null
// measures what the swap device costs without donors.
func (o *options) spec() ublk.Spec {
	return ublk.Spec{
		ID: o.id, Size: int64(o.size), Queues: o.queues, Depth: o.depth.n, MaxIO: int(o.maxIO), BlockSize: blockSize,
		MaxDiscard: maxDiscard, Recovery: ublk.RecoverReissue, Scheduler: "none", NoPartScan: true, KeepProcs: true,
	}
}

// prepareNull prepares a device that forgets everything.
func (o *options) prepareNull(log zerolog.Logger) (opener, error) {
	open := func(*plain) (ublk.Target, io.Closer, error) { return disks.Null{}, nothing{}, nil }
	return o.preparePlain(plain{spec: o.spec(), backing: swapdev.NoBacking, open: open}, log)
}

// prepareLoop prepares a device that is a file.
func (o *options) prepareLoop(log zerolog.Logger) (opener, error) {
	if o.backing == "" || o.backing == swapdev.NoBacking {
		return nil, usage.Errorf("--target %s needs --backing PATH", targetLoop)
	}
	if !o.swapon && (o.overwrite || o.inMemory) {
		return nil, usage.Errorf("--overwrite and --backing-in-memory mean nothing with --target %s but for --swapon: nothing else is written", targetLoop)
	}
	p := plain{spec: o.spec(), backing: o.backing, open: o.openLoop}
	p.spec.WriteCache = true
	return o.preparePlain(p, log)
}

// openLoop opens the file, whose size is the device's if none was given.
func (o *options) openLoop(p *plain) (ublk.Target, io.Closer, error) {
	file, err := disks.OpenLoop(p.backing)
	if err != nil {
		return nil, nil, err
	}
	holds := &loopFile{file: file}
	if err := o.takeLoop(holds, p); err != nil {
		return nil, nil, errors.Join(err, holds.Close())
	}
	return file, holds, nil
}

// takeLoop refuses a file that is too small, that is not this device's alone, or that must not
// become swap.
func (o *options) takeLoop(l *loopFile, p *plain) (err error) {
	size := l.file.Size()
	if p.spec.Size == 0 {
		p.spec.Size = size
	}
	if p.spec.Size > size {
		return usage.Errorf("--size %v: %s has %v only", flags.Size(p.spec.Size), p.backing, flags.Size(size))
	}
	// The device shows what the file holds, and may be made of memory. Swap would overwrite the
	// one, and wait for the other.
	if l.claim, err = backing.Take(l.file.File(), p.backing, !o.swapon || o.inMemory); err == nil && o.swapon && !o.overwrite {
		err = backing.CheckContent(l.file.File(), size)
	}
	if err != nil {
		return fmt.Errorf("loop target %s: %w", p.backing, err)
	}
	return nil
}

// loopFile is an open file and the claim to be its only user.
type loopFile struct {
	file  *disks.Loop
	claim io.Closer // nil: none yet
}

func (l *loopFile) Close() error {
	err := l.file.Close()
	if l.claim != nil {
		err = errors.Join(err, l.claim.Close())
	}
	return err
}

// prepareHDD prepares a device in memory that is as slow as a hard disk. It has one head,
// which the kernel sorts for.
func (o *options) prepareHDD(log zerolog.Logger) (opener, error) {
	p := plain{spec: o.spec(), backing: swapdev.NoBacking, open: openHDD}
	p.spec.Queues, p.spec.Depth, p.spec.Rotational, p.spec.MaxDiscard, p.spec.Scheduler = 1, 1, true, 0, ""
	return o.preparePlain(p, log)
}

func openHDD(p *plain) (ublk.Target, io.Closer, error) {
	disk, err := disks.OpenHDD(disks.Disk7200, p.spec.Size)
	if err != nil {
		return nil, nil, err
	}
	return disk, disk, nil
}

// nothing is what a target holds that opens nothing.
type nothing struct{}

func (nothing) Close() error { return nil }
