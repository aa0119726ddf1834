//go:build cgo

package rdma

/*
#include "cm.h"
*/
import "C"

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"

	"github.com/farswap/farswap/verbs"
)

// channel is an event channel of the connection manager.
type channel struct {
	c    *C.struct_rdma_event_channel
	poll *pollable // nil once given to a loop
}

func newChannel() (*channel, error) {
	c, err := C.fs_channel_new()
	if c == nil {
		return nil, fmt.Errorf("RDMA connection manager: %w: %w: load the module rdma_ucm", verbs.ErrUnavailable, err)
	}
	ch := &channel{c: c}
	if ch.poll, err = newPollable(int(c.fd)); err != nil {
		ch.close()
		return nil, err
	}
	return ch, nil
}

// fd is the file to poll for events.
func (ch *channel) fd() int32 { return int32(ch.c.fd) }

// id makes an id whose events come by the channel.
func (ch *channel) id() (*C.struct_rdma_cm_id, error) {
	var id *C.struct_rdma_cm_id
	if r := C.fs_id_new(ch.c, &id); r != 0 {
		return nil, fmt.Errorf("RDMA connection id: %w", errno(r))
	}
	return id, nil
}

// event is what the connection manager says.
type event struct {
	kind          int // C.RDMA_CM_EVENT_…
	status        int // negative errno, or the reason of a rejection
	id            *C.struct_rdma_cm_id
	reads, serves int
	private       []byte
}

// tryNext takes one event; false means that there is none. An error means that
// the channel is dead.
func (ch *channel) tryNext() (event, bool, error) {
	var e C.struct_fs_event
	r := C.fs_next_event(ch.c, &e)
	switch {
	case r == 0:
		return event{int(e._type), int(e.status), e.id, int(e.reads), int(e.serves), private(&e)}, true, nil
	case isAgain(r):
		return event{}, false, nil
	}
	return event{}, false, fmt.Errorf("RDMA connection manager: %w", errno(r))
}

// next waits for an event until ctx ends or the channel's poll is closed.
func (ch *channel) next(ctx context.Context) (event, error) {
	var e event
	var err error
	waitErr := ch.poll.until(ctx, func() bool {
		var ok bool
		e, ok, err = ch.tryNext()
		return ok || err != nil
	})
	if waitErr != nil {
		return e, waitErr
	}
	return e, err
}

// release leaves the events to whoever polls fd.
func (ch *channel) release() {
	ch.poll.close()
	ch.poll = nil
}

// close ends the channel. Its ids are destroyed.
func (ch *channel) close() {
	if ch.poll != nil {
		ch.poll.close()
	}
	C.fs_channel_free(ch.c)
}

// eventName is the connection manager's name of an event.
func eventName(kind int) string { return C.GoString(C.fs_event_name(C.int(kind))) }

// resolve finds the addresses of host:port; zone is the index of an IPv6 zone.
func resolve(ctx context.Context, address string) (netip.AddrPort, uint32, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return netip.AddrPort{}, 0, fmt.Errorf("address %q: want HOST:PORT: %w", address, verbs.ErrConfig)
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return netip.AddrPort{}, 0, fmt.Errorf("address %q: want a port from 0 to 65535: %w", address, verbs.ErrConfig)
	}
	if host == "" {
		return netip.AddrPortFrom(netip.IPv6Unspecified(), uint16(number)), 0, nil
	}
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return netip.AddrPort{}, 0, err
	}
	a := addrs[0].Unmap()
	var zone uint32
	if z := a.Zone(); z != "" {
		i, err := net.InterfaceByName(z)
		if err != nil {
			return netip.AddrPort{}, 0, fmt.Errorf("zone of %s: %w", address, err)
		}
		zone = uint32(i.Index)
	}
	return netip.AddrPortFrom(a, uint16(number)), zone, nil
}
