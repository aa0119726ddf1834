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
	for _, target := range c.Join {
		if err := CheckAddress(target); err != nil {
			return fmt.Errorf("member to join: %w", err)
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
	return ip, int(port), nil
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
