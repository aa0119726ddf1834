//go:build cgo

package rdma

/*
#cgo CFLAGS: -O2 -Wall -Wextra
#cgo LDFLAGS: -ldl
#include "adapter.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"sync"
	"syscall"

	"github.com/farswap/farswap/verbs"
)

const install = "install libibverbs1, librdmacm1 and ibverbs-providers"

// load loads the libraries, once.
var load = sync.OnceValue(func() error {
	why := make([]C.char, 256)
	if C.fs_load(&why[0], C.size_t(len(why))) != 0 {
		return fmt.Errorf("RDMA: %w: %s: %s", verbs.ErrUnavailable, C.GoString(&why[0]), install)
	}
	return nil
})

// Available says why this machine cannot use RDMA now, nil if it can. A device
// that comes later, such as a soft-RoCE link, changes the answer.
func Available() error {
	if err := load(); err != nil {
		return err
	}
	n := C.fs_adapter_count()
	switch {
	case n < 0:
		return fmt.Errorf("RDMA: %w: no list of devices: %w: load the module ib_uverbs", verbs.ErrUnavailable, errno(n))
	case n == 0:
		return fmt.Errorf("RDMA: %w: no device: load the driver of the adapter, or make a soft-RoCE one (rdma link add rxe0 type rxe netdev …)", verbs.ErrUnavailable)
	}
	return nil
}

// errno is the error of a negative result.
func errno(result C.int) error { return syscall.Errno(-result) }

// isAgain says whether a result means that there is nothing yet.
func isAgain(result C.int) bool { return errors.Is(errno(result), syscall.EAGAIN) }
