package lenders

import (
	"errors"
	"fmt"
	"sync"

	"github.com/rs/zerolog"

	"github.com/farswap/farswap/verbs"
	"github.com/farswap/farswap/verbs/rdma"
	"github.com/farswap/farswap/verbs/tcp"
)

// Settings of the transport. The last two are names of transports.
const (
	TransportAuto = "auto"
	TransportRDMA = "rdma"
	TransportTCP  = "tcp"
)

// Transport is one way to the donors, for all queues. It is opened when it can be: an
// adapter may come while the device is in use. Its methods may be called from any
// goroutine.
type Transport struct {
	Name string // constant
	open func() (verbs.Device, error)

	mu      sync.Mutex // guards what follows; held while buffers are registered
	device  verbs.Device
	regions map[int]verbs.Region // by queue
	left    map[int]bool         // queues whose buffers are about to go
	why     string               // it could not be used, as last said
}

// NewTransport makes a transport of a name that open opens.
func NewTransport(name string, open func() (verbs.Device, error)) *Transport {
	return &Transport{Name: name, open: open, regions: make(map[int]verbs.Region), left: make(map[int]bool)}
}

// TransportConfig says which transports a device wants.
type TransportConfig struct {
	Setting string // TransportAuto, TransportRDMA or TransportTCP
	RDMA    rdma.Config
	Open    func(rdma.Config) (verbs.Device, error) // opens RDMA; nil: rdma.Open
	Log     zerolog.Logger
}

// OpenTransports opens what is asked for, fastest first. With TransportAuto, RDMA may come
// later, which is logged. Errors wrap ErrConfig, or ErrTransport if the only transport
// cannot be used; then nothing is left open.
func OpenTransports(cfg TransportConfig) ([]*Transport, error) {
	open := cfg.Open
	if open == nil {
		open = func(c rdma.Config) (verbs.Device, error) { return rdma.Open(c) }
	}
	var ts []*Transport
	if cfg.Setting != TransportTCP {
		t := NewTransport(TransportRDMA, func() (verbs.Device, error) { return open(cfg.RDMA) })
		_, err := t.Use(nil)
		switch {
		case errors.Is(err, verbs.ErrConfig):
			return nil, fmt.Errorf("%w: %w", ErrConfig, err)
		case err != nil && cfg.Setting == TransportRDMA:
			return nil, fmt.Errorf("transport %s: %w: %w", cfg.Setting, ErrTransport, err)
		case err != nil && t.news(err):
			cfg.Log.Info().Err(err).Msg("no RDMA: pages travel over TCP")
		}
		ts = append(ts, t)
	}
	if cfg.Setting != TransportRDMA {
		t := NewTransport(TransportTCP, func() (verbs.Device, error) { return tcp.Open(tcp.Config{}) })
		if _, err := t.Use(nil); err != nil {
			return nil, errors.Join(err, CloseTransports(ts))
		}
		ts = append(ts, t)
	}
	return ts, nil
}

// Use opens the transport, unless it is open, and registers the buffers of queues with it.
func (t *Transport) Use(queues []Queue) (verbs.Device, error) {
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
		i := q.Index()
		if t.regions[i] != nil || t.left[i] {
			continue
		}
		r, err := t.device.Register(q.Arena())
		if err != nil {
			return nil, fmt.Errorf("register the buffers of queue %d: %w", i, err)
		}
		t.regions[i] = r
	}
	return t.device, nil
}

// Leave ends the registration of a queue's buffers, for good.
func (t *Transport) Leave(queue int) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.left[queue] = true
	r := t.regions[queue]
	delete(t.regions, queue)
	if r == nil {
		return nil
	}
	return r.Close()
}

// opened says whether the transport could be opened.
func (t *Transport) opened() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.device != nil
}

// news reports whether err, why the transport cannot be used or nil, has not been
// said yet.
func (t *Transport) news(err error) bool {
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

func (t *Transport) close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.device == nil {
		return nil
	}
	return t.device.Close()
}

// CloseTransports closes all transports of a list.
func CloseTransports(ts []*Transport) error {
	var err error
	for _, t := range ts {
		err = errors.Join(err, t.close())
	}
	return err
}
