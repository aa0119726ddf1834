package tcp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/uring"
	"github.com/farswap/farswap/verbs"
)

// Device is the active side. See package verbs for the rules of its methods.
type Device struct {
	cfg Config

	// regions is read on every Post by any number of loops; a new slice replaces
	// it under mu.
	regions atomic.Pointer[[]*region]

	mu     sync.Mutex // guards writing regions, open and closed
	open   int        // connections and queue pairs
	closed bool
}

// Open returns a device. It takes HandshakeTimeout, UserTimeout and the socket
// buffers from cfg.
func Open(cfg Config) (*Device, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("open the tcp transport: %w", err)
	}
	d := &Device{cfg: cfg}
	d.regions.Store(new([]*region))
	return d, nil
}

var (
	_ verbs.Device = (*Device)(nil)
	_ verbs.Conn   = (*conn)(nil)
	_ verbs.Region = (*region)(nil)
	_ verbs.QP     = (*queuePair)(nil)
	_ verbs.Server = (*Server)(nil)
)

// Name is "tcp".
func (d *Device) Name() string { return "tcp" }

type region struct {
	dev *Device
	mem []byte
}

// Register makes mem usable as WR.Local. The cost of Post grows with the number
// of regions: register arenas, not pages.
func (d *Device) Register(mem []byte) (verbs.Region, error) {
	if len(mem) == 0 {
		return nil, fmt.Errorf("register no memory: %w", verbs.ErrBounds)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, fmt.Errorf("register memory: %w", verbs.ErrClosed)
	}
	r := &region{dev: d, mem: mem}
	old := *d.regions.Load()
	list := append(append(make([]*region, 0, len(old)+1), old...), r)
	d.regions.Store(&list)
	return r, nil
}

func (r *region) Bytes() []byte { return r.mem }

func (r *region) Close() error {
	d := r.dev
	d.mu.Lock()
	defer d.mu.Unlock()
	var list []*region
	for _, other := range *d.regions.Load() {
		if other != r {
			list = append(list, other)
		}
	}
	d.regions.Store(&list)
	return nil
}

// registered says whether b lies in one region.
func (d *Device) registered(b []byte) bool {
	for _, r := range *d.regions.Load() {
		if within(b, r.mem) {
			return true
		}
	}
	return false
}

// Connect dials and authenticates. See verbs.Device.
func (d *Device) Connect(ctx context.Context, address string, cred verbs.Credential, cfg verbs.QPConfig) (verbs.Conn, error) {
	fail := func(err error) (verbs.Conn, error) {
		return nil, fmt.Errorf("connect to %s: %w", address, err)
	}
	cfg, err := cfg.WithDefaults()
	if err != nil {
		return fail(err)
	}
	if err := d.acquire(); err != nil {
		return fail(err)
	}
	q, err := newQueuePair(d, address, cfg)
	if err != nil {
		d.release()
		return fail(err)
	}
	if q.fd, err = d.dial(ctx, address, cred, cfg); err != nil {
		d.release()
		return fail(errors.Join(err, q.freeMem()))
	}
	return &conn{qp: q}, nil
}

func (d *Device) dial(ctx context.Context, address string, cred verbs.Credential, cfg verbs.QPConfig) (int32, error) {
	if _, given := ctx.Deadline(); !given {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, d.cfg.HandshakeTimeout)
		defer cancel()
	}
	nc, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return -1, err
	}
	tc := nc.(*net.TCPConn)
	// The deadline in the past ends whatever introduce waits for.
	stop := context.AfterFunc(ctx, func() { _ = tc.SetDeadline(time.Unix(1, 0)) })
	err = tune(tc, &d.cfg)
	if err == nil {
		err = introduce(tc, cred, cfg)
	}
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = tc.Close()
		return -1, err
	}
	return takeFD(tc)
}

func (d *Device) acquire() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return verbs.ErrClosed
	}
	d.open++
	return nil
}

func (d *Device) release() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open--
}

// Close ends the device. See verbs.Device.
func (d *Device) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n := len(*d.regions.Load()); d.open > 0 || n > 0 {
		return fmt.Errorf("close the tcp device with %d connections and %d regions: %w", d.open, n, verbs.ErrBusy)
	}
	d.closed = true
	return nil
}

// conn is a connection before a loop drives it. It has all that its queue pair needs:
// memory may be short when it is attached, on the thread of a loop that others wait for in
// order to free some.
type conn struct {
	qp    *queuePair
	mu    sync.Mutex // guards taken
	taken bool       // attached or closed
}

func (c *conn) take() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	was := c.taken
	c.taken = true
	return !was
}

func (c *conn) Attach(loop *uring.Loop, notify func()) (verbs.QP, error) {
	if !c.take() {
		return nil, fmt.Errorf("attach the connection to %s a second time, or closed: %w", c.qp.peer, verbs.ErrNotReady)
	}
	q := c.qp
	q.loop, q.notify = loop, notify
	q.class = loop.Attach(q)
	return q, nil
}

func (c *conn) Close() error {
	if !c.take() {
		return nil
	}
	c.qp.dev.release()
	return errors.Join(unix.Close(int(c.qp.fd)), c.qp.freeMem())
}
