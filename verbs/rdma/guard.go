//go:build cgo

package rdma

/*
#include "cm.h"
*/
import "C"

import (
	"context"
	"fmt"
	"sync"
)

// guard hears from the connection manager that an RDMA device is being removed,
// also while there is no connection. An adapter need not say so itself, and the
// removal may wait for all who have the device open.
type guard struct {
	channel *channel
	id      *C.struct_rdma_cm_id
	stop    context.CancelFunc
	wg      sync.WaitGroup
}

// newGuard watches the device that another id is bound to. gone is called at most
// once, on the guard's goroutine, and must not wait for close.
func newGuard(other *C.struct_rdma_cm_id, gone func()) (*guard, error) {
	channel, err := newChannel()
	if err != nil {
		return nil, err
	}
	id, err := channel.id()
	if err != nil {
		channel.close()
		return nil, err
	}
	if r := C.fs_bind_like(id, other); r != 0 {
		C.fs_id_free(id)
		channel.close()
		return nil, fmt.Errorf("watch the RDMA device: %w", errno(r))
	}
	ctx, stop := context.WithCancel(context.Background())
	g := &guard{channel: channel, id: id, stop: stop}
	g.wg.Go(func() {
		for {
			e, err := channel.next(ctx)
			if err != nil {
				return
			}
			if e.kind == C.RDMA_CM_EVENT_DEVICE_REMOVAL {
				gone()
				return
			}
		}
	})
	return g, nil
}

// close ends the watch and waits for its goroutine.
func (g *guard) close() {
	g.stop()
	g.wg.Wait()
	C.fs_id_free(g.id)
	g.channel.close()
}
