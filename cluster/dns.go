package cluster

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// Defaults of a DNSConfig.
const (
	DefaultDNSInterval = 30 * time.Second
	DefaultDNSTimeout  = 5 * time.Second
	maxDNSAnswer       = 1024 // addresses; the source drops those that sort later
)

// Resolver looks names up. *net.Resolver implements it.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// DNSConfig is one name that resolves to donors.
type DNSConfig struct {
	Name     string
	Port     uint16        // control port of all donors
	Interval time.Duration // between two lookups, give or take a fifth; 0: DefaultDNSInterval
	Timeout  time.Duration // of one lookup; 0: DefaultDNSTimeout
	Resolver Resolver      // nil: net.DefaultResolver
	Log      zerolog.Logger
}

// DNS is every address that a name resolves to.
type DNS struct {
	cfg     DNSConfig
	cancel  context.CancelFunc
	done    chan struct{}
	changed *signal

	mu     sync.Mutex // guards the fields below
	donors []Donor
	err    error
}

var errNoAddress = errors.New("the answer has no address")

// OpenDNS looks a name up at once and then every interval, in the background. It does not wait for the
// first answer. An impossible name is ErrConfig.
func OpenDNS(cfg DNSConfig) (*DNS, error) {
	if !validHost(cfg.Name) || cfg.Port == 0 {
		return nil, fmt.Errorf("donors in DNS: name %q, port %d: want dns:NAME:PORT: %w", oneLine(cfg.Name), cfg.Port, ErrConfig)
	}
	if cfg.Interval < 0 || cfg.Timeout < 0 {
		return nil, fmt.Errorf("donors in DNS: interval %v, timeout %v: %w", cfg.Interval, cfg.Timeout, ErrConfig)
	}
	if cfg.Interval == 0 {
		cfg.Interval = DefaultDNSInterval
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = DefaultDNSTimeout
	}
	if cfg.Resolver == nil {
		cfg.Resolver = net.DefaultResolver
	}
	ctx, cancel := context.WithCancel(context.Background())
	d := &DNS{cfg: cfg, cancel: cancel, done: make(chan struct{}), changed: newSignal()}
	go d.run(ctx)
	return d, nil
}

func (d *DNS) run(ctx context.Context) {
	defer close(d.done)
	for {
		d.lookup(ctx)
		select {
		case <-ctx.Done():
			return
		case <-time.After(jitter(d.cfg.Interval)):
		}
	}
}

// jitter returns d, give or take a fifth, so that machines that start together spread their requests.
func jitter(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.8 + 0.4*rand.Float64()))
}

// lookup asks once. It waits for the timeout at most if the resolver respects its context.
func (d *DNS) lookup(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, d.cfg.Timeout)
	defer cancel()
	ips, err := d.cfg.Resolver.LookupNetIP(ctx, "ip", d.cfg.Name)
	if err == nil && len(ips) == 0 {
		err = errNoAddress
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return
	}
	if err != nil {
		d.fail(err)
		return
	}
	d.take(ips)
}

// fail stores an error and keeps the last good answer.
func (d *DNS) fail(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err == nil { // the log has one line until a lookup succeeds
		d.cfg.Log.Warn().Err(err).Str("name", d.cfg.Name).Int("kept", len(d.donors)).Msg("cannot look up donors in DNS: the last answer stays")
	}
	d.err = err
}

func (d *DNS) take(ips []netip.Addr) {
	for i := range ips {
		ips[i] = ips[i].Unmap()
	}
	slices.SortFunc(ips, netip.Addr.Compare)
	ips = slices.Compact(ips)
	if len(ips) > maxDNSAnswer {
		ips = ips[:maxDNSAnswer]
	}
	donors := make([]Donor, 0, len(ips))
	for _, ip := range ips {
		donors = append(donors, Donor{Address: joinAddress(ip.String(), d.cfg.Port), Source: "dns:" + d.cfg.Name})
	}
	sortDonors(donors)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err != nil {
		d.cfg.Log.Info().Str("name", d.cfg.Name).Int("donors", len(donors)).Msg("the lookup of donors in DNS works again")
	}
	d.err = nil
	if !slices.Equal(donors, d.donors) {
		d.donors = donors
		d.changed.fire()
	}
}

// Donors is part of Source.
func (d *DNS) Donors() []Donor {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]Donor(nil), d.donors...)
}

// Err returns the error of the last lookup.
func (d *DNS) Err() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.err
}

// Changed is part of Source.
func (d *DNS) Changed() <-chan struct{} { return d.changed.c }

// Close is part of Source.
func (d *DNS) Close() error {
	d.cancel()
	<-d.done
	d.changed.close()
	return nil
}
