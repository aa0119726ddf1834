package add

import (
	"context"
	"errors"
	"io"

	"github.com/rs/zerolog"

	"github.com/farswap/farswap/internal/cli/flags"
	"github.com/farswap/farswap/internal/cli/usage"
	"github.com/farswap/farswap/internal/devserver"
	"github.com/farswap/farswap/swapdev"
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
		ID: o.id, Size: int64(o.size), Queues: o.queues, Depth: o.depth, MaxIO: int(o.maxIO), BlockSize: blockSize,
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
	p := plain{spec: o.spec(), backing: o.backing, open: openLoop}
	p.spec.WriteCache = true
	return o.preparePlain(p, log)
}

// openLoop opens the file, whose size is the device's if none was given.
func openLoop(p *plain) (ublk.Target, io.Closer, error) {
	file, err := disks.OpenLoop(p.backing)
	if err != nil {
		return nil, nil, err
	}
	if p.spec.Size == 0 {
		p.spec.Size = file.Size()
	}
	if p.spec.Size > file.Size() {
		err := usage.Errorf("--size %v: %s has %v only", flags.Size(p.spec.Size), p.backing, flags.Size(file.Size()))
		return nil, nil, errors.Join(err, file.Close())
	}
	return file, file, nil
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
