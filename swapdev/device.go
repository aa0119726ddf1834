package swapdev

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/rs/zerolog"

	"github.com/farswap/farswap/cluster"
	"github.com/farswap/farswap/internal/devserver"
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
	server  *devserver.Server
	engine  *engine
	backing *path.BackingFile
	cluster cluster.Source // nil: none
	log     zerolog.Logger
	upgrade atomic.Pointer[func(context.Context) error] // see OnUpgrade
	standby atomic.Int64                                // see SetStandby
}

// Open makes a swap device, and returns when it can take I/O. When it fails, nothing is
// left: no device, no file, no memory at a donor. Errors wrap ErrConfig, ErrBacking,
// ErrNoDonor, lenders.ErrTransport (with transport "rdma"), or those of packages ublk,
// control and status.
func Open(ctx context.Context, cfg Config) (*Device, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	d := &Device{log: cfg.Log}
	if err := d.openServer(cfg); err != nil {
		return nil, err
	}
	if err := d.open(ctx, cfg); err != nil {
		return nil, errors.Join(err, d.server.Abandon(d.undo))
	}
	d.server.Live(d.close)
	return d, nil
}

// openServer opens the driver.
func (d *Device) openServer(cfg Config) (err error) {
	d.server, err = devserver.Open(devserver.Config{
		StateRoot: cfg.StateRoot, StopFailed: d.stopFailed, Refused: d.refused, Held: d.held, LogDropped: cfg.LogDropped, Driver: cfg.Driver,
	})
	return err
}

// open takes the steps in the order in which a failure undoes least: whom we need is asked
// first, what others see is made last.
func (d *Device) open(ctx context.Context, cfg Config) error {
	var err error
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
		if d.backing, err = path.OpenBacking(ctx, cfg.backing()); err != nil {
			return errors.Join(err, lenders.CloseTransports(transports))
		}
	}
	life, err := newLife(cfg, d.backing.Made())
	if err != nil {
		return errors.Join(err, lenders.CloseTransports(transports))
	}
	if d.engine, err = newEngine(cfg, life, transports, d.backing); err != nil {
		return errors.Join(err, life.end(), lenders.CloseTransports(transports))
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
	if cfg.transports != nil {
		return cfg.transports, nil
	}
	ts, err := lenders.OpenTransports(lenders.TransportConfig{Setting: cfg.Transport, RDMA: *cfg.RDMA, Open: openRDMA, Log: cfg.Log})
	if errors.Is(err, lenders.ErrConfig) {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	return ts, err
}

// serve makes the block device and the local socket.
func (d *Device) serve(cfg Config) error {
	if err := d.server.Start(d.engine.spec, d.engine); err != nil {
		return err
	}
	if err := d.engine.life.number(d.ID()); err != nil {
		return err
	}
	return d.watch(cfg)
}

// watch attaches the probes, and opens the local socket.
func (d *Device) watch(cfg Config) error {
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
	return d.server.Answer(func(socket string) (*status.Server, error) {
		return status.ServeDevice(socket, statusSource{d})
	})
}

// undo takes back what a failed open has made beside the block device.
func (d *Device) undo(bool) error { return errors.Join(d.closeEngine(), d.backing.Discard()) }

// close gives back what the device holds beside the block device, and forgets what is in the
// backing file: without the map nobody can read it, but for who looks for what was in memory.
// While the kernel still has the device, its pages stay where they are, for another server.
func (d *Device) close(stays bool) error {
	if stays {
		return errors.Join(d.engine.leaveAll(), d.backing.Close())
	}
	err := d.closeEngine()
	remains := d.backing.Erase()
	if errors.Is(remains, path.ErrRemains) { // the device has ended well all the same
		d.log.Warn().Err(remains).Msg("the backing file keeps what was in memory")
		remains = nil
	}
	return errors.Join(err, remains)
}

func (d *Device) closeEngine() error {
	var err error
	if d.engine != nil {
		err = d.engine.close()
	}
	if d.cluster != nil {
		err = errors.Join(err, d.cluster.Close())
	}
	return err
}

// stopFailed tells of a stop that nobody waits for.
func (d *Device) stopFailed(err error) {
	d.engine.journal.Error(status.EventFault, "the device cannot be stopped").Because(err).Tell()
}

// held tells who has the device open that is being removed.
func (d *Device) held(by []inuse.Opener) {
	d.engine.journal.Warn(status.EventFault, "the device is stopped, and its removal waits until it is closed").With("open_in", inuse.Name(by)).Tell()
}

// refused tells of a command that the driver has refused.
func (d *Device) refused(r ublk.Refusal) {
	d.engine.journal.Warn(status.EventFault, "the driver refused a command of a queue; it is sent again").
		Because(r.Errno).With("queue", r.Queue).With("tag", r.Tag).Tell()
}

// Status describes the device now. Counts of a queue that does not answer within a second
// are missing from it.
func (d *Device) Status() status.Device {
	s := d.engine.report()
	s.Target, s.StandbyPID = "swap", int(d.standby.Load())
	d.server.Report(&s)
	return s
}

// Kept reports whether another server can take the device over when this process dies.
func (d *Device) Kept() bool { return d.engine.life.state != nil }

// OnUpgrade sets what is done when somebody asks on the local socket that the device goes to a server of another
// program: f makes ready who takes over, and then calls HandOver and ends the process.
func (d *Device) OnUpgrade(f func(context.Context) error) { d.upgrade.Store(&f) }

// SetStandby says which process is ready to take the device over, 0 for none.
func (d *Device) SetStandby(pid int) { d.standby.Store(int64(pid)) }

// HandOver ends the service, so that a standby takes the device over once this process has ended, which it has
// to do at once. Donors and the kernel keep what they have. The error wraps status.ErrRefused, and the device
// goes on, if nothing is kept of it or it is not live.
func (d *Device) HandOver() error {
	if !d.Kept() {
		return fmt.Errorf("%s cannot be handed over: nothing is kept of it: %w", d.Path(), status.ErrRefused)
	}
	return d.server.HandOver()
}

// ID is the device's ublk number.
func (d *Device) ID() int { return d.server.ID() }

// Path is the block device.
func (d *Device) Path() string { return d.server.Path() }

// Batches tells how requests come; see [ublk.Device.Batches].
func (d *Device) Batches() (requests, passes uint64) { return d.server.Batches() }

// Done is closed when the device is gone.
func (d *Device) Done() <-chan struct{} { return d.server.Done() }

// Err says why the device ended, once Done is closed: nil after Stop.
func (d *Device) Err() error { return d.server.Err() }

// Stop takes the device away and waits until it is gone, or ctx ends. It fails
// with ErrInUse, and changes nothing, while the device is swapped on or
// mounted.
func (d *Device) Stop(ctx context.Context) error { return d.server.Stop(ctx) }
