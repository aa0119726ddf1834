//go:build cgo

package rdma

/*
#include "cm.h"
#include "qp.h"
*/
import "C"

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/farswap/farswap/uring"
	"github.com/farswap/farswap/verbs"
	"github.com/farswap/farswap/verbs/internal/handshake"
)

const (
	// ackTimeout is how long an adapter waits for an acknowledgement before it
	// sends again: 4.096 µs × 2^14, 67 ms. The connection manager's own choice for
	// Ethernet is seconds, for which one lost packet would stall a page.
	ackTimeout = 14
	// signalEvery is how many writes of a chain go without a completion of their
	// own, plus one.
	signalEvery = 16
	// rejectedByPeer is the reason of a rejection that carries the peer's own
	// data (InfiniBand: consumer reject).
	rejectedByPeer = 28
	// rejectedNobody is the reason when nobody listens (invalid service id).
	rejectedNobody = 8
)

// Connect establishes a connection. See verbs.Device. verbs.ErrUnavailable when
// no RDMA device has a way to the address.
func (d *Device) Connect(ctx context.Context, address string, cred verbs.Credential, cfg verbs.QPConfig) (verbs.Conn, error) {
	cfg, err := cfg.WithDefaults()
	if err == nil {
		err = d.acquire()
	}
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", address, err)
	}
	if _, given := ctx.Deadline(); !given {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, d.cfg.ConnectTimeout)
		defer cancel()
	}
	c := &conn{dev: d, cfg: cfg, address: address}
	if err := c.dial(ctx, cred); err != nil {
		c.free()
		return nil, fmt.Errorf("connect to %s over RDMA: %w", address, err)
	}
	return c, nil
}

// conn is a connection before a loop drives it.
type conn struct {
	dev     *Device
	cfg     verbs.QPConfig
	address string

	channel *channel
	id      *C.struct_rdma_cm_id // until the queue pair has it
	nic     *nic
	qp      *C.struct_fs_qp
	ready   *queuePair // nil until the connection is established

	mu    sync.Mutex // guards taken
	taken bool       // attached or closed
}

func (c *conn) dial(ctx context.Context, cred verbs.Credential) error {
	to, zone, err := resolve(ctx, c.address)
	if err != nil {
		return err
	}
	if c.channel, err = newChannel(); err != nil {
		return err
	}
	if c.id, err = c.channel.id(); err != nil {
		return err
	}
	if err := c.route(ctx, to, zone); err != nil {
		return err
	}
	if err := c.makeQP(); err != nil {
		return err
	}
	if err := c.agree(ctx, cred); err != nil {
		return err
	}
	// Memory may be short when the connection is attached, on the thread of a loop that
	// others wait for in order to free some.
	c.channel.release()
	c.ready = newQueuePair(c)
	return nil
}

// route finds the RDMA device and the way to the address.
func (c *conn) route(ctx context.Context, to netip.AddrPort, zone uint32) error {
	cfg := &c.dev.cfg
	from, err := cfg.source(to.Addr())
	if err != nil {
		return err
	}
	timeout := left(ctx)
	if r := C.fs_resolve(c.id, from.c(), newSockaddr(to, zone).c(), timeout, ackTimeout); r != 0 {
		return noRoute(errno(r))
	}
	if _, err := c.expect(ctx, C.RDMA_CM_EVENT_ADDR_RESOLVED); err != nil {
		return err
	}
	name := C.fs_id_device(c.id)
	if name == nil {
		return noRoute(syscall.ENODEV)
	}
	if got := C.GoString(name); cfg.Device != "" && got != cfg.Device {
		return fmt.Errorf("the way there leaves by RDMA device %s, not %s: choose the other device, or change the route: %w", got, cfg.Device, verbs.ErrConfig)
	}
	if r := C.fs_route(c.id, timeout); r != 0 {
		return noRoute(errno(r))
	}
	if _, err := c.expect(ctx, C.RDMA_CM_EVENT_ROUTE_RESOLVED); err != nil {
		return err
	}
	c.nic, err = c.dev.use(c.id)
	return err
}

// left is the time until the deadline of ctx, in ms, at least 1.
func left(ctx context.Context) C.int {
	deadline, _ := ctx.Deadline()
	return C.int(max(1, min(time.Until(deadline), time.Hour)/time.Millisecond))
}

func noRoute(err error) error {
	return fmt.Errorf("%w: no RDMA device has a way there: %w", verbs.ErrUnavailable, err)
}

func (c *conn) makeQP() error {
	slots := 1
	for slots < c.cfg.Depth {
		slots *= 2
	}
	qp := newCQP()
	if r := C.fs_qp_new(qp, c.id, c.nic.c.pd, C.uint32_t(c.cfg.Depth), C.uint32_t(slots), signalEvery); r != 0 {
		freeCQP(qp)
		return fmt.Errorf("make a queue pair of depth %d on %s: %w", c.cfg.Depth, c.nic.name(), errno(r))
	}
	c.qp, c.id = qp, nil
	return nil
}

// agree asks the server for the connection and completes it.
func (c *conn) agree(ctx context.Context, cred verbs.Credential) error {
	mine := format.NewClaim(cred.Session, c.cfg)
	data := format.Claim(mine, noServer, &cred.Secret)
	reads := min(int(c.nic.c.reads), c.cfg.Depth)
	if r := C.fs_connect(c.qp.id, c.qp.qp.qp_num, C.uint8_t(reads), dataPointer(data), C.uint8_t(len(data))); r != 0 {
		return errno(r)
	}
	e, err := c.expect(ctx, C.RDMA_CM_EVENT_CONNECT_RESPONSE)
	if err != nil {
		if e.kind == C.RDMA_CM_EVENT_REJECTED {
			return rejected(e, mine.Nonce, &cred.Secret)
		}
		return err
	}
	if err := format.ParseVerdict(e.private, mine.Nonce, noServer, &cred.Secret); err != nil {
		return err
	}
	// What the peer serves bounds what this side may have outstanding; the adapter
	// keeps the others waiting.
	if r := C.fs_qp_ready(c.qp, C.uint8_t(min(reads, e.serves)), 1, C.int(mtuCode(c.dev.cfg.MTU))); r != 0 {
		return fmt.Errorf("ready the queue pair: %w", errno(r))
	}
	if r := C.fs_establish(c.qp.id); r != 0 {
		return fmt.Errorf("establish: %w", errno(r))
	}
	return nil
}

// rejected says why the server refused.
func rejected(e event, n handshake.Nonce, secret *[32]byte) error {
	switch e.status {
	case rejectedByPeer, -int(syscall.ECONNREFUSED): // the latter is iWARP's
		err := format.ParseVerdict(e.private, n, noServer, secret)
		if errors.Is(err, verbs.ErrProtocol) || err == nil {
			err = verbs.ErrRefused
		}
		return err
	case rejectedNobody:
		return fmt.Errorf("nobody listens there: %w", syscall.ECONNREFUSED)
	}
	return fmt.Errorf("rejected, reason %d: %w", e.status, verbs.ErrRefused)
}

// expect waits for an event of that kind; any other is an error, and returned
// too.
func (c *conn) expect(ctx context.Context, kind int) (event, error) {
	e, err := c.channel.next(ctx)
	switch {
	case err != nil:
		return e, err
	case e.kind == kind:
		return e, nil
	case e.kind == C.RDMA_CM_EVENT_ADDR_ERROR, e.kind == C.RDMA_CM_EVENT_ROUTE_ERROR:
		return e, noRoute(statusError(e))
	}
	return e, statusError(e)
}

// statusError is the error that an event carries.
func statusError(e event) error {
	if e.status < 0 {
		return fmt.Errorf("%s: %w", eventName(e.kind), syscall.Errno(-e.status))
	}
	return fmt.Errorf("%s, status %d: %w", eventName(e.kind), e.status, verbs.ErrTransport)
}

// free takes down what there is of a connection that no loop has.
func (c *conn) free() {
	if c.qp != nil {
		C.fs_disconnect(c.qp.id)
		destroy(c.qp)
		C.fs_qp_free(c.qp)
		freeCQP(c.qp)
	}
	if c.id != nil {
		C.fs_id_free(c.id)
	}
	if c.channel != nil {
		c.channel.close()
	}
	if c.ready != nil {
		c.ready.spare.call.close()
	}
	if c.nic != nil {
		c.dev.unuse(c.nic)
	}
	c.dev.release()
}

func (c *conn) take() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	was := c.taken
	c.taken = true
	return !was
}

// Attach gives the connection to a loop. See verbs.Conn.
func (c *conn) Attach(loop *uring.Loop, notify func()) (verbs.QP, error) {
	if !c.take() {
		return nil, fmt.Errorf("attach the connection to %s a second time, or closed: %w", c.address, verbs.ErrNotReady)
	}
	c.ready.attach(loop, notify, c.cfg.Spin)
	return c.ready, nil
}

// Close ends a connection that was never attached. See verbs.Conn.
func (c *conn) Close() error {
	if c.take() {
		c.free()
	}
	return nil
}
