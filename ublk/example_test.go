package ublk_test

import (
	"fmt"
	"log"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/ublk"
)

// ramDisk is a RAM disk: the memory is the disk.
type ramDisk []byte

// OpenQueue is called on the thread of each queue.
func (r ramDisk) OpenQueue(q *ublk.Queue) (ublk.Server, error) { return &ramQueue{q, r}, nil }

// ramQueue serves one queue of it.
type ramQueue struct {
	queue *ublk.Queue
	disk  ramDisk
}

func (r *ramQueue) Serve(tag int, d ublk.Desc) {
	part, buffer := r.disk[d.Offset:], r.queue.Buffer(tag)[:d.Length]
	switch d.Op {
	case ublk.OpRead:
		r.queue.Complete(tag, int32(copy(buffer, part)))
	case ublk.OpWrite:
		r.queue.Complete(tag, int32(copy(part, buffer)))
	default:
		r.queue.Complete(tag, -int32(unix.EOPNOTSUPP))
	}
}

func (*ramQueue) Idle() bool   { return true }
func (*ramQueue) Close() error { return nil }

// A RAM disk of 64 MiB. It takes root, and a kernel with ublk.
func ExampleTarget() {
	must := func(err error) {
		if err != nil {
			log.Fatal(err)
		}
	}
	control, err := ublk.OpenControl()
	must(err)
	device, err := ublk.Add(control, ublk.Spec{ID: -1, Size: 64 << 20})
	must(err)
	must(device.Start(make(ramDisk, 64<<20)))
	fmt.Println(device.Path(), "takes I/O")

	must(device.Delete())
	must(control.Close())
}
