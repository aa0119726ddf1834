package swapdev

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/farswap/farswap/internal/kept"
	"github.com/farswap/farswap/swapdev/lenders"
	"github.com/farswap/farswap/swapdev/path"
)

// ErrNotKept means that nothing is kept of a device: it ended with its server.
var ErrNotKept = kept.ErrNone

// clusterPause is between attempts to open the source of donors of a device that was taken over.
const clusterPause = 10 * time.Second

// KeptOptions are the Options with which a device was opened. root is the Config's StateRoot. Errors wrap
// ErrNotKept if nothing is kept of the device.
func KeptOptions(root string, id int) (json.RawMessage, error) {
	place, err := kept.Open(root)
	if err != nil {
		return nil, err
	}
	state, err := place.Load(id, mapMemory)
	if err != nil {
		return nil, errors.Join(err, place.Close())
	}
	return state.Record().Options, errors.Join(state.Close(), place.Close())
}

// Standby is all that is needed to take a device over, opened while its server may live. It needs nothing from
// a disk any more: its program is in memory, and so is the map. One goroutine at a time may use it.
type Standby struct {
	cfg        Config
	device     *Device
	place      *kept.Place
	state      *kept.Device
	transports []*lenders.Transport
}

// NewStandby prepares to take over the device cfg.ID, which was opened with a Config like this one and Keep. What
// the device has kept counts where cfg says something else: shape, sealing, donors. Errors are those of Open, or
// wrap ErrNotKept.
func NewStandby(cfg Config) (*Standby, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Standby{cfg: cfg.withDefaults()}
	s.cfg.Keep = KeepOn
	if err := s.open(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Standby) open() (err error) {
	cfg := &s.cfg
	s.device = &Device{log: cfg.Log}
	d := s.device
	if err := d.openServer(*cfg); err != nil {
		return err
	}
	if s.place, err = kept.Open(cfg.StateRoot); err != nil {
		return err
	}
	if s.state, err = s.place.Load(cfg.ID, mapMemory); err != nil {
		return err
	}
	r := s.state.Record()
	cfg.Size, cfg.SlabSize, cfg.Queues, cfg.Depth, cfg.MaxIO, cfg.Seal = r.Size, r.SlabSize, r.Queues, r.Depth, r.MaxIO, SealOff
	if len(r.Secret) > 0 {
		cfg.Seal = SealOn
	}
	if s.transports, err = openTransports(*cfg, nil); err != nil {
		return err
	}
	if cfg.Backing != NoBacking {
		d.backing, err = path.Reopen(cfg.backing(), r.BackingMade)
	}
	return err
}

// TakeOver takes the device over, whose server has died, and returns when it takes I/O. Its donors are suspended
// until they have given their slabs back, for the grace time at most. It fails with status.ErrStateInUse if
// another server was faster, or with errors of ublk.Recover. The device then stays as it is. The standby is
// used up in any case.
func (s *Standby) TakeOver(ctx context.Context) (*Device, error) {
	d := s.device
	if err := s.takeOver(); err != nil {
		if d.engine == nil {
			return nil, errors.Join(err, d.server.Abandon(func(bool) error { return nil }), s.closeState())
		}
		return nil, errors.Join(err, d.server.Abandon(d.close))
	}
	d.engine.startDonors(d.engine.donors.Retake)
	// The device serves from here on. What fails now must not end that.
	if err := d.watch(s.cfg); err != nil {
		d.log.Error().Err(err).Msg("the device serves, and cannot be looked at")
	}
	if s.cfg.Cluster != nil {
		d.engine.following.start(func(ctx context.Context) { s.findCluster(ctx) })
	}
	d.server.Live(d.close)
	return d, ctx.Err()
}

// takeOver makes the device take I/O.
func (s *Standby) takeOver() error {
	d := s.device
	if err := d.server.TakeOver(s.cfg.spec()); err != nil {
		return err
	}
	if err := s.state.Refresh(); err != nil {
		return err
	}
	if err := s.state.Next(); err != nil {
		return err
	}
	s.cfg.Donors = s.state.Donors()
	if d.backing != nil {
		if err := d.backing.Claim(s.cfg.BackingInMemory); err != nil {
			return err
		}
	}
	life, err := laterLife(s.cfg, s.place, s.state)
	if err != nil {
		return err
	}
	if d.engine, err = newEngine(s.cfg, life, s.transports, d.backing); err != nil {
		return err
	}
	d.engine.tidy()
	return d.server.Resume(d.engine)
}

// findCluster opens the source of donors, and follows it.
func (s *Standby) findCluster(ctx context.Context) {
	d := s.device
	for {
		source, err := s.cfg.Cluster(ctx)
		if err == nil {
			defer source.Close()
			d.engine.donors.Follow(ctx, source)
			return
		}
		d.log.Warn().Err(err).Msg("donors that are not known by their address cannot be found yet")
		select {
		case <-ctx.Done():
			return
		case <-time.After(clusterPause):
		}
	}
}

// Gone reports whether the kernel does not have the device any more: its server has ended well.
func (s *Standby) Gone() bool { return s.device.server.Gone(s.cfg.ID) }

// Close gives up a standby that was not used.
func (s *Standby) Close() error {
	var err error
	if s.device.server != nil {
		err = s.device.server.Abandon(func(bool) error { return nil })
	}
	return errors.Join(err, s.closeState())
}

// closeState closes what the device does not close.
func (s *Standby) closeState() error {
	err := errors.Join(s.device.backing.Close(), lenders.CloseTransports(s.transports))
	if s.state != nil {
		err = errors.Join(err, s.state.Close())
	}
	if s.place != nil {
		err = errors.Join(err, s.place.Close())
	}
	return err
}
