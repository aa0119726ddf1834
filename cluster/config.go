package cluster

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"

	"github.com/hashicorp/memberlist"
	"github.com/rs/zerolog"
)

// Config describes a member of a gossiping cluster.
type Config struct {
	Listen    string   // IP:PORT or :PORT, over UDP and TCP; port 0 takes a free one
	Advertise string   // IP under which other members reach this one; "": derived from Listen and Join
	Key       Key      // to send with, from LoadKeys; every member must accept it
	Also      []Key    // accepted as well, while the key is replaced
	Join      []string // HOST:PORT of members; gossip tries absent ones again for ever
	MustJoin  bool     // OpenGossip fails when it reaches no member
	Log       zerolog.Logger

	timing   timing                   // for tests; zero fields take the defaults
	now      func() time.Time         // for tests
	resolver Resolver                 // for tests
	tune     func(*memberlist.Config) // for tests
}

// Validate checks the configuration without opening anything. Errors wrap ErrConfig.
func (c Config) Validate() error {
	if _, _, err := c.listen(); err != nil {
		return err
	}
	if c.Key == (Key{}) {
		return fmt.Errorf("gossip without a key: %w", ErrConfig)
	}
	if ip, err := netip.ParseAddr(c.Advertise); c.Advertise != "" && (err != nil || ip.IsUnspecified()) {
		return fmt.Errorf("gossip advertises %q: want an IP address of this machine: %w", c.Advertise, ErrConfig)
	}
	if zoned(c.Advertise) {
		return fmt.Errorf("gossip advertises %q: %w", c.Advertise, errZone)
	}
	for _, target := range c.Join {
		if err := CheckAddress(target); err != nil {
			return fmt.Errorf("member to join: %w", err)
		}
		if host, _, _ := splitAddress(target); zoned(host) {
			return fmt.Errorf("member to join: address %q: %w", oneLine(target), errZone)
		}
	}
	return nil
}

// listen splits Listen. Without a host the address is the invalid netip.Addr.
func (c Config) listen() (netip.Addr, int, error) {
	host, text, err := net.SplitHostPort(c.Listen)
	port, portErr := strconv.ParseUint(text, 10, 16)
	if err != nil || portErr != nil {
		return netip.Addr{}, 0, fmt.Errorf("gossip listens on %q: want IP:PORT or :PORT: %w", c.Listen, ErrConfig)
	}
	if host == "" {
		return netip.Addr{}, int(port), nil
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{}, 0, fmt.Errorf("gossip listens on %q: want an IP address of this machine, not a name: %w", c.Listen, ErrConfig)
	}
	if zoned(host) {
		return netip.Addr{}, 0, fmt.Errorf("gossip listens on %q: %w", c.Listen, errZone)
	}
	return ip, int(port), nil
}

// errZone is about a link-local address. Members tell each other their addresses, and a zone means nothing to
// another machine.
var errZone = fmt.Errorf("a link-local address means nothing to other members: give one without a zone: %w", ErrConfig)

func zoned(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Zone() != ""
}

func (c Config) withDefaults() Config {
	c.timing = c.timing.withDefaults()
	if c.now == nil {
		c.now = time.Now
	}
	if c.resolver == nil {
		c.resolver = net.DefaultResolver
	}
	return c
}
