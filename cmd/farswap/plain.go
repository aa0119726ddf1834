package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/swapdev"
	"github.com/farswap/farswap/ublk"
	"github.com/farswap/farswap/ublk/targets"
)

// plainDevice serves a target of package ublk/targets, which knows no donors.
type plainDevice struct {
	log     zerolog.Logger
	name    string // of the target
	backing string
	size    int64
	started time.Time
	control *ublk.Control
	loop    *targets.Loop // nil but for loop
	disk    *targets.HDD  // nil but for hdd
	lock    *status.Lock
	dev     *ublk.Device
	server  *status.Server

	stopping atomic.Bool
	done     chan struct{}
	err      error // why it ended, valid after done
}

// swapFlags are the flags of the swap target alone.
var swapFlags = []string{
	"slab", "donor", "join", "gossip-key", "gossip-listen", "transport", "spin", "prefetch", "rdma-device", "rdma-port", "rdma-gid", "rdma-mtu", "cert", "insecure", "accept-loss", "ack", "hot", "op-timeout", "patience", "probes", "name",
}

// checkPlain refuses flags that the target does not have and shapes that the
// driver would refuse.
func (o *addOptions) checkPlain(given func(string) bool) error {
	for _, name := range swapFlags {
		if given(name) {
			return usage("--%s means nothing with --target %s", name, o.target)
		}
	}
	if o.target == targetHDD {
		for _, name := range []string{"queues", "depth"} {
			if given(name) {
				return usage("--%s means nothing with --target %s: a disk has one head", name, o.target)
			}
		}
	}
	spec := o.spec()
	switch {
	case o.target != targetLoop && o.backing != "" && o.backing != swapdev.NoBacking:
		return usage("--backing means nothing with --target %s", o.target)
	case o.target == targetLoop && (o.backing == "" || o.backing == swapdev.NoBacking):
		return usage("--target %s needs --backing PATH", o.target)
	case o.target == targetLoop && spec.Size == 0:
		spec.Size = plainBlock // the file's, once it is open
	}
	return spec.WithDefaults().Validate()
}

// plainBlock is the block size of the plain targets, in bytes: the swap device's.
const plainBlock = 4096

// spec is the device of a plain target, as like the swap device as the target allows:
// null measures what the swap device costs without donors.
func (o *addOptions) spec() ublk.Spec {
	spec := ublk.Spec{
		ID: o.id, Size: int64(o.size), Queues: o.queues, Depth: o.depth, MaxIO: int(o.maxIO), BlockSize: plainBlock,
		MaxDiscard: 1 << 30, WriteCache: o.target == targetLoop,
		Recovery: ublk.RecoverReissue, Scheduler: "none", NoPartScan: true, KeepProcs: true,
	}
	if o.target == targetHDD { // one head, which the kernel sorts for
		spec.Queues, spec.Depth, spec.Rotational, spec.MaxDiscard, spec.Scheduler = 1, 1, true, 0, ""
	}
	return spec
}

// openPlain makes and starts a device of target null, loop or hdd. After an error
// nothing of it is left.
func openPlain(o *addOptions, log zerolog.Logger) (_ *plainDevice, err error) {
	d := &plainDevice{log: log, name: o.target, backing: swapdev.NoBacking, started: time.Now(), done: make(chan struct{})}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.close())
		}
	}()
	spec := o.spec()
	var target ublk.Target = targets.Null{}
	switch o.target {
	case targetHDD:
		if d.disk, err = targets.OpenHDD(targets.Disk7200, spec.Size); err != nil {
			return nil, err
		}
		target = d.disk
	case targetLoop:
		if d.loop, err = targets.OpenLoop(o.backing); err != nil {
			return nil, err
		}
		target, d.backing = d.loop, o.backing
		if spec.Size == 0 {
			spec.Size = d.loop.Size()
		}
		if spec.Size > d.loop.Size() {
			return nil, usage("--size %v: %s has %v only", byteSize(spec.Size), o.backing, byteSize(d.loop.Size()))
		}
	}
	d.size = spec.Size
	if d.control, err = ublk.OpenControl(); err != nil {
		return nil, err
	}
	if spec.ID >= 0 { // before the kernel has anything of it
		if d.lock, err = takeFolder(o.root, spec.ID); err != nil {
			return nil, err
		}
	}
	if d.dev, err = ublk.Add(d.control, spec); err != nil {
		return nil, err
	}
	if d.lock == nil {
		if d.lock, err = takeFolder(o.root, d.dev.ID()); err != nil {
			return nil, err
		}
	}
	if err = d.dev.Start(target); err != nil {
		return nil, err
	}
	d.server, err = status.ServeDevice(status.Socket(d.lock.Dir()), plainSource{d})
	if err != nil {
		return nil, err
	}
	go d.watch()
	return d, nil
}

// watch takes the rest down when the queues have ended: after a stop, or
// because one failed.
func (d *plainDevice) watch() {
	<-d.dev.Done()
	d.err = errors.Join(d.dev.Err(), d.close())
	close(d.done)
}

// takeFolder locks the state folder of a device. One that a dead server left
// stays untouched.
func takeFolder(root string, id int) (*status.Lock, error) {
	lock, err := status.Acquire(status.StateDir(root, id))
	if err != nil {
		return nil, err
	}
	if lock.Used() {
		err := fmt.Errorf("%s is left by a server that died: remove its device with `farswap ublk del %d`, or choose another --id", lock.Dir(), id)
		return nil, errors.Join(err, lock.Release())
	}
	return lock, nil
}

func (d *plainDevice) Path() string          { return d.dev.Path() }
func (d *plainDevice) Done() <-chan struct{} { return d.done }

func (d *plainDevice) Err() error {
	select {
	case <-d.done:
		return d.err
	default:
		return nil
	}
}

// requestStop begins a stop and does not wait for its end.
func (d *plainDevice) requestStop(context.Context) error {
	if err := refuseIfUsed(d.Path()); err != nil {
		return err
	}
	if !d.stopping.Swap(true) {
		go func() {
			if err := d.dev.Stop(); err != nil {
				d.log.Error().Err(err).Msg("the device cannot be stopped")
			}
		}()
	}
	return nil
}

// Stop is part of deviceServer.
func (d *plainDevice) Stop(ctx context.Context) error {
	if err := d.requestStop(ctx); err != nil {
		return err
	}
	select {
	case <-d.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stop %s: %w", d.Path(), ctx.Err())
	}
}

// close undoes as much of openPlain as was done. A device that cannot be
// deleted keeps its state folder, for `ublk del`.
func (d *plainDevice) close() error {
	var err error
	if d.server != nil {
		err = d.server.Close()
	}
	if d.dev != nil {
		if deleteErr := d.dev.Delete(); deleteErr != nil {
			return errors.Join(err, fmt.Errorf("%w: `farswap ublk del %d` removes what is left", deleteErr, d.dev.ID()))
		}
	}
	if d.lock != nil {
		err = errors.Join(err, d.lock.Remove())
	}
	if d.control != nil {
		err = errors.Join(err, d.control.Close())
	}
	if d.loop != nil {
		err = errors.Join(err, d.loop.Close())
	}
	if d.disk != nil {
		err = errors.Join(err, d.disk.Close())
	}
	return err
}

// status is the part of the contract that a plain target has.
func (d *plainDevice) status() status.Device {
	info := d.dev.Info()
	state := status.StateLive
	if d.stopping.Load() {
		state = status.StateStopping
	}
	return status.Device{
		ID: d.dev.ID(), Path: d.Path(), State: state, Size: d.size, Transport: "none", Ack: "none",
		At: time.Now(), PID: os.Getpid(), Started: d.started, Target: d.name, Swap: isSwap(d.Path()),
		Backing: d.backing, BackingOK: d.loop != nil,
		Queues: int(info.Queues), Depth: int(info.Depth), MaxIO: int(info.MaxIO), Ublk: info.Flags.Names(),
	}
}
