//go:build cgo

package rdma

/*
#include <stdlib.h>
#include "adapter.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"sync/atomic"
	"syscall"

	"github.com/farswap/farswap/verbs"
)

// adapter is an open RDMA device. Its events are read until it is closed. A device
// that was removed stays open, and useless, until then.
type adapter struct {
	c      C.struct_fs_adapter
	events *watcher
	lost   atomic.Bool // the device is gone
	gone   func()      // called once when it is lost, on the watcher's goroutine; may be nil
}

// openAdapter opens a device; "" takes the first with an active port.
func openAdapter(name string, gone func()) (*adapter, error) {
	a := &adapter{gone: gone}
	cname := C.CString(name)
	defer C.free(pointer(cname))
	if r := C.fs_adapter_open(&a.c, cname); r != 0 {
		switch err := errno(r); {
		case errors.Is(err, syscall.ENODEV) && name == "":
			return nil, fmt.Errorf("RDMA: %w: no device has an active port: set its network interface up", verbs.ErrUnavailable)
		case errors.Is(err, syscall.ENODEV):
			return nil, fmt.Errorf("RDMA device %s: %w: there is none of that name", name, verbs.ErrUnavailable)
		default:
			return nil, fmt.Errorf("open RDMA device %s: %w", name, err)
		}
	}
	var err error
	if a.events, err = watch(int(a.c.context.async_fd), a.next); err != nil {
		C.fs_adapter_close(&a.c)
		return nil, fmt.Errorf("watch RDMA device %s: %w", name, err)
	}
	return a, nil
}

func (a *adapter) name() string { return C.GoString(&a.c.name[0]) }

// next takes one event of the device. False means that there is none left.
func (a *adapter) next() bool {
	kind := C.fs_next_async(a.c.context)
	switch {
	case isAgain(kind):
		return false
	case kind < 0, kind == C.IBV_EVENT_DEVICE_FATAL:
		if !a.lost.Swap(true) && a.gone != nil {
			a.gone()
		}
		return kind >= 0
	}
	return true
}

// register makes memory known to the adapter at the address iova. local is
// memory that this side's own operations use.
func (a *adapter) register(mem []byte, iova uint64, local bool) (*C.struct_ibv_mr, error) {
	var flag C.int
	if local {
		flag = 1
	}
	mr, err := C.fs_mr_new(&a.c, bytesPointer(mem), C.size_t(len(mem)), C.uint64_t(iova), flag)
	switch {
	case mr != nil:
		return mr, nil
	case errors.Is(err, syscall.ENOMEM):
		return nil, fmt.Errorf("register %d bytes with RDMA device %s: %w: RDMA pins memory, which counts as locked: run as root, or raise the limit (ulimit -l, LimitMEMLOCK=infinity)", len(mem), a.name(), err)
	default:
		return nil, fmt.Errorf("register %d bytes with RDMA device %s: %w", len(mem), a.name(), err)
	}
}

// deregister takes memory back: when it returns nil, no access can reach it.
func deregister(mr *C.struct_ibv_mr) error {
	if r := C.fs_mr_free(mr); r != 0 {
		return fmt.Errorf("deregister memory: %w", errno(r))
	}
	return nil
}

// close ends the adapter. Nothing of it is in use any more.
func (a *adapter) close() {
	a.events.close()
	C.fs_adapter_close(&a.c)
}
