// Command stranger serves a RAM disk with package ublk, from another module. It stands
// for programs of other people: it builds with a replace of farswap's module alone, and
// uses nothing but what is exported.
//
// It prints the path of the block device when the disk takes I/O, serves it until
// SIGINT or SIGTERM, removes it, and says how many requests it has served. It exits with
// 77 where the kernel has no ublk or this user may not use it: with that code test
// programs say that they were skipped.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/offheap"
	"github.com/farswap/farswap/ublk"
)

const (
	size    = 64 << 20 // bytes
	skipped = 77
)

func main() {
	err := run()
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "stranger:", err)
	if errors.Is(err, ublk.ErrNoDriver) || errors.Is(err, ublk.ErrPermission) || errors.Is(err, ublk.ErrUnsupported) {
		os.Exit(skipped)
	}
	os.Exit(1)
}

func run() (err error) {
	spec := ublk.Spec{ID: -1, Size: size, BlockSize: 512, MaxDiscard: 1 << 20}
	if err := ublk.Probe(spec.Features()); err != nil {
		return err
	}
	mem, err := offheap.Map(size, offheap.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, offheap.Unmap(mem)) }()
	control, err := ublk.OpenControl()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, control.Close()) }()
	device, err := ublk.Add(control, spec)
	if err != nil {
		return err
	}
	disk := &ramDisk{mem: mem}
	err = serve(device, disk)
	if err = errors.Join(err, device.Delete()); err != nil {
		return err
	}
	fmt.Println("served", disk.served.Load(), "requests")
	return nil
}

func serve(device *ublk.Device, disk *ramDisk) error {
	if err := device.Start(disk); err != nil {
		return err
	}
	fmt.Println(device.Path())
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM)
	defer stop()
	select {
	case <-ctx.Done():
	case <-device.Done():
	}
	if err := device.Stop(); err != nil {
		return err
	}
	<-device.Done()
	return device.Err()
}

type ramDisk struct {
	mem    []byte
	served atomic.Int64
}

func (r *ramDisk) OpenQueue(q *ublk.Queue) (ublk.Server, error) { return &ramQueue{r, q}, nil }

type ramQueue struct {
	disk  *ramDisk
	queue *ublk.Queue
}

func (r *ramQueue) Serve(tag int, d ublk.Desc) {
	r.disk.served.Add(1)
	part, buffer := r.disk.mem[d.Offset:], r.queue.Buffer(tag)
	res := int32(0)
	switch d.Op {
	case ublk.OpRead:
		res = int32(copy(buffer[:d.Length], part))
	case ublk.OpWrite:
		res = int32(copy(part, buffer[:d.Length]))
	case ublk.OpDiscard, ublk.OpWriteZeroes:
		clear(part[:d.Length])
	}
	r.queue.Complete(tag, res)
}

func (*ramQueue) Idle() bool   { return true }
func (*ramQueue) Close() error { return nil }
