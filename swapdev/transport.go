package swapdev

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/farswap/farswap/verbs"
	"github.com/farswap/farswap/verbs/rdma"
	"github.com/farswap/farswap/verbs/tcp"
)

// Values of Config.Transport. The last two are names of transports.
const (
	transportAuto = "auto"
	transportRDMA = "rdma"
	transportTCP  = "tcp"
)

// transport is one way to the donors, for all queues. It is opened when it can be:
// an adapter may come while the device is in use. Its methods may be called from
// any goroutine.
type transport struct {
	name string
	open func() (verbs.Device, error)

	mu      sync.Mutex // guards what follows; held while buffers are registered
	device  verbs.Device
	regions map[*queue]verbs.Region
	left    map[*queue]bool // their buffers are about to go
	why     string          // it could not be used, as last said
}

func newTransport(name string, open func() (verbs.Device, error)) *transport {
	return &transport{name: name, open: open, regions: make(map[*queue]verbs.Region), left: make(map[*queue]bool)}
}

// openRDMA is rdma.Open. Tests put another in its place.
func openRDMA(cfg rdma.Config) (verbs.Device, error) { return rdma.Open(cfg) }

// openTransports opens what the configuration asks for, fastest first. RDMA that
// was not insisted on may come later, which is logged.
func openTransports(cfg Config, openRDMA func(rdma.Config) (verbs.Device, error)) ([]*transport, error) {
	var ts []*transport
	if cfg.Transport != transportTCP {
		t := newTransport(transportRDMA, func() (verbs.Device, error) { return openRDMA(*cfg.RDMA) })
		_, err := t.use(nil)
		switch {
		case errors.Is(err, verbs.ErrConfig):
			return nil, fmt.Errorf("%w: %w", ErrConfig, err)
		case err != nil && cfg.Transport == transportRDMA:
			return nil, fmt.Errorf("transport rdma: %w; or use --transport auto", err)
		case err != nil && t.news(err):
			cfg.Log.Info().Err(err).Msg("no RDMA: pages travel over TCP")
		}
		ts = append(ts, t)
	}
	if cfg.Transport != transportRDMA {
		t := newTransport(transportTCP, func() (verbs.Device, error) { return tcp.Open(tcp.Config{}) })
		if _, err := t.use(nil); err != nil {
			return nil, errors.Join(err, closeTransports(ts))
		}
		ts = append(ts, t)
	}
	return ts, nil
}

// use opens the transport, if that is still to be done, and registers the buffers
// of the queues with it.
func (t *transport) use(queues []*queue) (verbs.Device, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.device == nil {
		d, err := t.open()
		if err != nil {
			return nil, err
		}
		t.device = d
	}
	for _, q := range queues {
		if t.regions[q] != nil || t.left[q] {
			continue
		}
		r, err := t.device.Register(q.front.Arena())
		if err != nil {
			return nil, fmt.Errorf("register the buffers of queue %d: %w", q.front.Index(), err)
		}
		t.regions[q] = r
	}
	return t.device, nil
}

// leave ends the registration of a queue's buffers, for good.
func (t *transport) leave(q *queue) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.left[q] = true
	r := t.regions[q]
	delete(t.regions, q)
	if r == nil {
		return nil
	}
	return r.Close()
}

// opened says whether the transport could be opened.
func (t *transport) opened() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.device != nil
}

// news reports whether err, why the transport cannot be used or nil, has not been
// said yet.
func (t *transport) news(err error) bool {
	text := ""
	if err != nil {
		text = err.Error()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	other := text != t.why
	t.why = text
	return other
}

func (t *transport) close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.device == nil {
		return nil
	}
	return t.device.Close()
}

func closeTransports(ts []*transport) error {
	var err error
	for _, t := range ts {
		err = errors.Join(err, t.close())
	}
	return err
}

// inUse are the names of the transports that the donors are connected over,
// fastest first and joined: rdma+tcp. While there is none, it is the first that
// can be tried.
func (e *engine) inUse() string {
	over := map[string]bool{}
	for _, d := range e.donors.all() {
		over[d.over()] = true
	}
	var names []string
	for _, t := range e.transports {
		if over[t.name] {
			names = append(names, t.name)
		}
	}
	if len(names) > 0 {
		return strings.Join(names, "+")
	}
	return e.transports[max(slices.IndexFunc(e.transports, (*transport).opened), 0)].name
}
