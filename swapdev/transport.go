package swapdev

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"farswap/verbs"
	"farswap/verbs/rdma"
	"farswap/verbs/tcp"
)

// Values of Config.Transport. The last two are names of transports.
const (
	transportAuto = "auto"
	transportRDMA = "rdma"
	transportTCP  = "tcp"
)

// transport is one way to the donors, for all queues. Its methods may be called
// from any goroutine.
type transport struct {
	verbs.Device

	mu  sync.Mutex // guards what follows
	bad error      // a queue's buffers could not be registered: no queue may use it
}

func (t *transport) usable() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.bad
}

// refuse takes the transport out of use, and reports whether it was in use.
func (t *transport) refuse(err error) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	was := t.bad == nil
	if was {
		t.bad = err
	}
	return was
}

// openRDMA is rdma.Open. Tests put another in its place.
func openRDMA(cfg rdma.Config) (verbs.Device, error) {
	d, err := rdma.Open(cfg)
	if err != nil {
		return nil, err // not a nil *Device in an interface
	}
	return d, nil
}

// openDevices opens what the configuration asks for, fastest first. RDMA that was
// not insisted on may be missing, which is logged.
func openDevices(cfg Config, openRDMA func(rdma.Config) (verbs.Device, error)) ([]verbs.Device, error) {
	var devices []verbs.Device
	if cfg.Transport != transportTCP {
		d, err := openRDMA(*cfg.RDMA)
		switch {
		case err == nil:
			devices = append(devices, d)
		case errors.Is(err, verbs.ErrConfig):
			return nil, fmt.Errorf("%w: %w", ErrConfig, err)
		case cfg.Transport == transportRDMA:
			return nil, fmt.Errorf("transport rdma: %w; or use --transport auto", err)
		default:
			cfg.Log.Info().Err(err).Msg("no RDMA: pages travel over TCP")
		}
	}
	if cfg.Transport != transportRDMA {
		d, err := tcp.Open(tcp.Config{})
		if err != nil {
			return nil, errors.Join(err, closeDevices(devices))
		}
		devices = append(devices, d)
	}
	return devices, nil
}

func closeDevices(devices []verbs.Device) error {
	var err error
	for _, d := range devices {
		err = errors.Join(err, d.Close())
	}
	return err
}

// register makes a queue's buffers usable over every transport that takes them; it
// is enough that one does.
func (e *engine) register(queue int, arena []byte) ([]verbs.Region, error) {
	var regions []verbs.Region
	var errs []error
	for _, t := range e.transports {
		r, err := t.Register(arena)
		if err == nil {
			regions = append(regions, r)
			continue
		}
		err = fmt.Errorf("register the buffers of queue %d over %s: %w", queue, t.Name(), err)
		errs = append(errs, err)
		if t.refuse(err) {
			e.cfg.Log.Warn().Err(err).Msg("transport is not used")
		}
	}
	if len(regions) == 0 {
		return nil, oneLine(errs)
	}
	return regions, nil
}

func closeRegions(regions []verbs.Region) error {
	var err error
	for _, r := range regions {
		err = errors.Join(err, r.Close())
	}
	return err
}

// inUse are the names of the transports that the donors are connected over,
// fastest first and joined: rdma+tcp. While there is none, it is the first that
// would be tried.
func (e *engine) inUse() string {
	var names []string
	for _, d := range e.donors {
		if name := d.over(); name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return e.transports[0].Name()
	}
	slices.SortFunc(names, func(a, b string) int { return e.rank(a) - e.rank(b) })
	return strings.Join(names, "+")
}

// names are those of all transports.
func (e *engine) names() string {
	var names []string
	for _, t := range e.transports {
		names = append(names, t.Name())
	}
	return strings.Join(names, " or ")
}

// rank is a transport's place in the order of preference.
func (e *engine) rank(name string) int {
	return slices.IndexFunc(e.transports, func(t *transport) bool { return t.Name() == name })
}
