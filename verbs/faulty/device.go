package faulty

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/farswap/farswap/uring"
	"github.com/farswap/farswap/verbs"
)

// ErrInjected is wrapped by every error of a fault from this package.
var ErrInjected = errors.New("injected fault")

// Plan is what goes wrong. The probabilities are per operation, 0 to 1, and
// decided in this order: Drop, Fail, then Delay and Corrupt, which may coincide. Late and
// Stall may coincide with any.
type Plan struct {
	Seed                       uint64
	Drop, Delay, Fail, Corrupt float64
	DelayMax                   time.Duration
	Late, Stall                float64
	LateMax, StallMax          time.Duration
}

// Counts are the faults injected so far.
type Counts struct{ Dropped, Delayed, Failed, Corrupted, Killed, Late, Stalled uint64 }

// Device wraps a verbs.Device. Its methods may be called from any goroutine.
type Device struct {
	inner verbs.Device

	dropped, delayed, failed, corrupted, killings, late, stalled atomic.Uint64

	quit    context.CancelFunc // ends what is left behind
	running context.Context
	leaving sync.WaitGroup

	mu      sync.Mutex // guards the fields below
	plan    Plan
	number  uint64 // of the next connection
	killed  map[string]bool
	stalls  map[string]chan struct{} // by address; closed by Release
	live    map[*queuePair]bool
	fences  map[seat]uint64 // the highest generation that was asked for
	remains map[*remains]bool
}

var (
	_ verbs.Device = (*Device)(nil)
	_ verbs.Conn   = (*conn)(nil)
	_ verbs.QP     = (*queuePair)(nil)
)

// Wrap returns dev with faults. Closing the wrapper closes dev.
func Wrap(dev verbs.Device, plan Plan) *Device {
	d := &Device{
		inner: dev, plan: plan,
		killed: make(map[string]bool), stalls: make(map[string]chan struct{}), live: make(map[*queuePair]bool),
		fences: make(map[seat]uint64), remains: make(map[*remains]bool),
	}
	d.running, d.quit = context.WithCancel(context.Background())
	return d
}

// SetPlan replaces the plan, for operations posted from now on. The seed of
// connections that exist is not changed.
func (d *Device) SetPlan(plan Plan) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.plan = plan
}

func (d *Device) currentPlan() Plan {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.plan
}

// Kill fails all connections to the address, as given to Connect, and makes
// Connect to it fail until Heal. The queue pairs fail in coming passes of their
// loops.
func (d *Device) Kill(address string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.killed[address] = true
	for q := range d.live {
		if q.address == address {
			q.loop.Post(q.kill)
		}
	}
}

// Heal ends what Kill began. Failed queue pairs stay failed.
func (d *Device) Heal(address string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.killed, address)
}

// Stall holds back everything between the device and the address, in both directions:
// operations, completions, and connections that are being made. Nothing is lost by it, but
// queue pairs may time out meanwhile.
func (d *Device) Stall(address string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stalls[address] == nil {
		d.stalls[address] = make(chan struct{})
	}
}

// Release lets go of what Stall holds back: operations of queue pairs that are ready go to
// the server. WRITEs of those that have failed meanwhile do, too, unless a later connection
// of their place has been asked for first.
func (d *Device) Release(address string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	stall := d.stalls[address]
	if stall == nil {
		return
	}
	close(stall)
	delete(d.stalls, address)
	for q := range d.live {
		if q.address == address {
			q.loop.Post(q.progress)
		}
	}
}

// stallOf returns what ends the stall of an address, nil if there is none.
func (d *Device) stallOf(address string) <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.stalls[address]
}

// Counts returns how many faults were injected.
func (d *Device) Counts() Counts {
	return Counts{
		Dropped: d.dropped.Load(), Delayed: d.delayed.Load(), Failed: d.failed.Load(),
		Corrupted: d.corrupted.Load(), Killed: d.killings.Load(),
		Late: d.late.Load(), Stalled: d.stalled.Load(),
	}
}

// Name is the wrapped device's: callers must not be able to tell.
func (d *Device) Name() string { return d.inner.Name() }

// Register registers mem with the wrapped device.
func (d *Device) Register(mem []byte) (verbs.Region, error) { return d.inner.Register(mem) }

// Close closes the wrapped device. WRITEs that were still to be carried out late are not.
func (d *Device) Close() error {
	d.quit()
	d.leaving.Wait()
	return d.inner.Close()
}

// Connect connects through the wrapped device.
func (d *Device) Connect(ctx context.Context, address string, cred verbs.Credential, cfg verbs.QPConfig) (verbs.Conn, error) {
	d.mu.Lock()
	killed, number := d.killed[address], d.number
	d.number++
	d.mu.Unlock()
	if killed {
		return nil, killedError(address)
	}
	if stall := d.stallOf(address); stall != nil {
		select {
		case <-stall:
		case <-ctx.Done():
			return nil, fmt.Errorf("connect to %s, which is stalled: %w: %w", address, ErrInjected, ctx.Err())
		}
	}
	from := origin{seat{address, cred.Session, cfg.Place}, cred, cfg.Generation}
	d.settle(from)
	inner, err := d.inner.Connect(ctx, address, cred, cfg)
	if err != nil {
		return nil, err
	}
	if cfg.Depth == 0 {
		cfg.Depth = verbs.DefaultDepth
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = verbs.DefaultTimeout
	}
	return &conn{dev: d, inner: inner, address: address, from: from, cfg: cfg, number: number}, nil
}

func killedError(address string) error {
	return fmt.Errorf("%s was killed: %w: %w", address, ErrInjected, verbs.ErrTransport)
}

type conn struct {
	dev     *Device
	inner   verbs.Conn
	address string
	from    origin
	cfg     verbs.QPConfig
	number  uint64
}

func (c *conn) Close() error { return c.inner.Close() }

func (c *conn) Attach(loop *uring.Loop, notify func()) (verbs.QP, error) {
	q := newQueuePair(c, loop, notify)
	d := c.dev
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.killed[c.address] {
		return nil, errors.Join(killedError(c.address), c.inner.Close())
	}
	var err error
	if q.inner, err = c.inner.Attach(loop, q.progress); err != nil {
		return nil, err
	}
	d.live[q] = true
	return q, nil
}

func (d *Device) forget(q *queuePair) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.live, q)
}
