package ublk

import (
	"errors"
	"unsafe"

	"github.com/farswap/farswap/offheap"
	"github.com/farswap/farswap/uring"
)

// withPayload runs f with a zeroed T off the Go heap, as typed pointer and as
// bytes, and frees it when f did not run into its deadline: then the kernel may
// still write to it.
func withPayload[T any](f func(*T, []byte) error) error {
	values, free, err := offheap.New[T](1)
	if err != nil {
		return err
	}
	mem := unsafe.Slice((*byte)(unsafe.Pointer(&values[0])), unsafe.Sizeof(values[0]))
	err = f(&values[0], mem)
	if errors.Is(err, ErrTimeout) {
		return err
	}
	return errors.Join(err, free())
}

// prepare fills in the SQE's command area (struct ublksrv_ctrl_cmd).
func (r request) prepare(sqe *uring.SQE, fd int32) {
	cmd := (*ctrlCmd)(unsafe.Pointer(sqe.Cmd(fd, r.op)))
	*cmd = ctrlCmd{
		devID:   uint32(r.id),
		queueID: r.queue,
		len:     uint16(len(r.payload)),
		addr:    uint64(uintptr(unsafe.Pointer(unsafe.SliceData(r.payload)))),
		data:    r.data,
	}
}

// prepareIO fills in the SQE's command area (struct ublksrv_io_cmd).
func prepareIO(sqe *uring.SQE, fd int32, op uint32, cmd ioCmd) {
	*(*ioCmd)(unsafe.Pointer(sqe.Cmd(fd, op))) = cmd
}

// descriptor returns entry tag of a queue's descriptor area.
func descriptor(area []byte, tag int) *rawDesc {
	return (*rawDesc)(unsafe.Pointer(&area[tag*ioDescSize]))
}

func address(mem []byte) uint64 { return uint64(uintptr(unsafe.Pointer(unsafe.SliceData(mem)))) }
