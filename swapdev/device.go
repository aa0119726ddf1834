package swapdev

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/farswap/farswap/cluster"
	"github.com/farswap/farswap/internal/inuse"
	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/swapdev/lenders"
	"github.com/farswap/farswap/swapdev/path"
	"github.com/farswap/farswap/swapdev/placement"
	"github.com/farswap/farswap/ublk"
	"github.com/farswap/farswap/verbs"
	"github.com/farswap/farswap/verbs/rdma"
)

// Device is a swap device that this process serves. Its methods may be called
// from any goroutine.
type Device struct {
	engine  *engine
	control *ublk.Control
	ublk    *ublk.Device
	local   *path.BackingFile
	cluster cluster.Source // nil: none
	lock    *status.Lock
	server  *status.Server
	started time.Time

	mu    sync.Mutex // guards state
	state string

	stop sync.Once
	done chan struct{}
	err  error // why it ended, valid after done
}

// Open makes a swap device, and returns when it can take I/O. When it fails,
// nothing is left: no device, no file, no memory at a donor. Errors wrap
// ErrConfig, ErrBacking, ErrNoDonor, verbs.ErrUnavailable (with transport "rdma"),
// or those of packages ublk, control and status.
func Open(ctx context.Context, cfg Config) (*Device, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	if cfg.StateRoot == "" {
		cfg.StateRoot = status.DefaultRoot
	}
	d := &Device{started: time.Now(), state: status.StateStarting, done: make(chan struct{})}
	if err := d.open(ctx, cfg); err != nil {
		return nil, errors.Join(err, d.undo())
	}
	d.setState(status.StateLive)
	go d.watch()
	return d, nil
}

// open does the steps in the order in which a failure undoes least: whom we
// need is asked first, what others see is made last.
func (d *Device) open(ctx context.Context, cfg Config) error {
	var err error
	if d.control, err = ublk.OpenControl(); err != nil {
		return err
	}
	if cfg.Cluster != nil {
		if d.cluster, err = cfg.Cluster(ctx); err != nil {
			return err
		}
	}
	if cfg.Donors, err = lenders.Addresses(ctx, cfg.Donors, d.cluster); err != nil {
		return err
	}
	transports, err := openTransports(cfg, nil)
	if err != nil {
		return err
	}
	if cfg.Backing != NoBacking {
		if d.local, err = path.OpenBacking(cfg.Backing, cfg.Size); err != nil {
			return errors.Join(err, lenders.CloseTransports(transports))
		}
	}
	if d.engine, err = newEngine(cfg, transports, d.local); err != nil {
		return errors.Join(err, lenders.CloseTransports(transports))
	}
	d.engine.cluster = d.cluster
	sessions, err := d.engine.donors.Reach(ctx)
	if err != nil {
		return err
	}
	if err := d.serve(cfg); err != nil {
		return errors.Join(err, lenders.CloseAll(sessions))
	}
	d.engine.start(sessions)
	return nil
}

// openTransports opens the transports that the configuration asks for. openRDMA is nil but
// for tests.
func openTransports(cfg Config, openRDMA func(rdma.Config) (verbs.Device, error)) ([]*lenders.Transport, error) {
	ts, err := lenders.OpenTransports(lenders.TransportConfig{Setting: cfg.Transport, RDMA: *cfg.RDMA, Open: openRDMA, Log: cfg.Log})
	if errors.Is(err, lenders.ErrConfig) {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	return ts, err
}

// serve makes the block device and the local socket.
func (d *Device) serve(cfg Config) error {
	var err error
	if d.ublk, err = ublk.Add(d.control, d.engine.spec); err != nil {
		return err
	}
	if d.lock, err = status.Acquire(status.StateDir(cfg.StateRoot, d.ID())); err != nil {
		return err
	}
	if err := d.ublk.Start(d.engine); err != nil {
		return err
	}
	p, err := openProbes(cfg.Probes, cfg.Log, func() (probes, error) {
		return attachProbes(d.Path(), d.engine.pages.Geometry(), d.engine.spec.Queues, d.engine.spec.Depth)
	})
	if err != nil {
		return err
	}
	d.engine.probes = p
	if cfg.SlowBy == SlowByKernel {
		if none, ok := p.(noProbes); ok {
			return fmt.Errorf("donors cannot be judged by the kernel's latencies: %s", none.reason)
		}
		d.engine.steering.Source = placement.NewSlabLatency(d.engine.pages, p, d.engine.donorCount)
	}
	d.server, err = status.ServeDevice(status.Socket(d.lock.Dir()), statusSource{d})
	return err
}

// undo takes back what a failed open has made.
func (d *Device) undo() error {
	err := d.close()
	return errors.Join(err, d.local.Discard())
}

// close takes everything down but the backing file.
func (d *Device) close() error {
	var err error
	if d.server != nil {
		err = d.server.Close()
	}
	if d.ublk != nil {
		err = errors.Join(err, d.ublk.Delete())
	}
	if d.engine != nil {
		err = errors.Join(err, d.engine.close())
	}
	if d.cluster != nil {
		err = errors.Join(err, d.cluster.Close())
	}
	if d.lock != nil {
		err = errors.Join(err, d.lock.Remove())
	}
	if d.control != nil {
		err = errors.Join(err, d.control.Close())
	}
	return err
}

// watch ends the device when its queues have ended: after Stop, or because one
// failed.
func (d *Device) watch() {
	<-d.ublk.Done()
	d.setState(status.StateStopping)
	d.err = errors.Join(d.ublk.Err(), d.close(), d.local.Close())
	close(d.done)
}

// Status describes the device now. Counts of a queue that does not answer
// within a second are missing from it.
func (d *Device) Status() status.Device {
	d.mu.Lock()
	state := d.state
	d.mu.Unlock()
	s := d.engine.report()
	s.ID, s.Path, s.State = d.ID(), d.Path(), state
	s.PID, s.Started, s.Target = os.Getpid(), d.started, "swap"
	s.Ublk = d.ublk.Info().Flags.Names()
	uses, _ := inuse.Find(d.Path()) // unknown counts as unused here; Stop looks again
	for _, u := range uses {
		s.Swap = s.Swap || u.Kind == inuse.Swap
	}
	return s
}

// ID is the device's ublk number.
func (d *Device) ID() int { return d.ublk.ID() }

// Path is the block device.
func (d *Device) Path() string { return d.ublk.Path() }

// Done is closed when the device is gone.
func (d *Device) Done() <-chan struct{} { return d.done }

// Err says why the device ended, once Done is closed: nil after Stop.
func (d *Device) Err() error {
	select {
	case <-d.done:
		return d.err
	default:
		return nil
	}
}

// Stop takes the device away and waits until it is gone, or ctx ends. It fails
// with ErrInUse, and changes nothing, while the device is swapped on or
// mounted.
func (d *Device) Stop(ctx context.Context) error {
	if err := d.requestStop(ctx); err != nil {
		return err
	}
	select {
	case <-d.done:
		return d.err
	case <-ctx.Done():
		return fmt.Errorf("stop %s: %w", d.Path(), ctx.Err())
	}
}

// requestStop begins a stop and does not wait for its end.
func (d *Device) requestStop(context.Context) error {
	uses, err := inuse.Find(d.Path())
	if err != nil {
		return fmt.Errorf("stop %s: %w", d.Path(), err)
	}
	if len(uses) > 0 {
		return fmt.Errorf("stop %s: %w (%w): %s", d.Path(), ErrInUse, status.ErrRefused, uses[0])
	}
	d.stop.Do(func() {
		d.setState(status.StateStopping)
		go func() {
			if err := d.ublk.Stop(); err != nil {
				d.engine.journal.Error(status.EventFault, "the device cannot be stopped").Because(err).Tell()
			}
		}()
	})
	return nil
}

func (d *Device) setState(s string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.state = s
}
