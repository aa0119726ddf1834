package rdma

import (
	"fmt"
	"time"

	"github.com/farswap/farswap/verbs"
)

// Config is how this end uses RDMA. Zero fields take the defaults.
type Config struct {
	// Device is the name of the RDMA device to use, as in /sys/class/infiniband;
	// "" takes the one that the address belongs to.
	Device string
	// Port is the device's port, from 1; 0 takes the one that the address belongs
	// to. Without Device it means nothing.
	Port int
	// GIDIndex is the index into the port's GID table to insist on; negative, as in
	// DefaultConfig, takes the one that the address belongs to.
	GIDIndex int
	// MTU is the largest path MTU in bytes: 256, 512, 1024, 2048 or 4096; 0 takes
	// what the port and the path allow.
	MTU int
	// ConnectTimeout bounds one connection's establishment if the context of Connect
	// has no deadline; 0 stands for 2 s.
	ConnectTimeout time.Duration
	// MaxConnections bounds a server's connections; 0 stands for 4096. Sessions of one
	// owner (verbs.Credential) have a quarter of them at most.
	MaxConnections int

	Events Events
}

// Events are told of what a server's connections do. The functions may be nil,
// are called on goroutines of the server, and must not call its methods.
type Events struct {
	Rejected func(remote string, err error)
	Accepted func(remote string, s verbs.SessionID)
	Ended    func(remote string, s verbs.SessionID, err error)
}

// DefaultConfig leaves every choice to the addresses.
func DefaultConfig() Config { return Config{GIDIndex: -1} }

const (
	defaultConnectTimeout = 2 * time.Second
	defaultMaxConnections = 4096
	shareOfOwner          = 4 // the part of all connections that one owner may have: a quarter
)

func (c Config) withDefaults() (Config, error) {
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = defaultConnectTimeout
	}
	if c.MaxConnections == 0 {
		c.MaxConnections = defaultMaxConnections
	}
	switch {
	case c.Port < 0 || c.Port > 255:
		return c, fmt.Errorf("RDMA port %d: want 1 to 255, or 0 for the one of the address: %w", c.Port, verbs.ErrConfig)
	case c.Port != 0 && c.Device == "":
		return c, fmt.Errorf("RDMA port %d without a device: %w", c.Port, verbs.ErrConfig)
	case c.MTU != 0 && mtuCode(c.MTU) == 0:
		return c, fmt.Errorf("RDMA MTU %d: want 256, 512, 1024, 2048 or 4096, or 0 for the path's: %w", c.MTU, verbs.ErrConfig)
	case c.ConnectTimeout < 0 || c.MaxConnections < 0:
		return c, fmt.Errorf("timeout %v, %d connections: want none negative: %w", c.ConnectTimeout, c.MaxConnections, verbs.ErrConfig)
	}
	return c, nil
}

// mtuCode is enum ibv_mtu of an MTU in bytes, 0 for none.
func mtuCode(bytes int) int {
	for code, size := 1, 256; size <= 4096; code, size = code+1, 2*size {
		if bytes == size {
			return code
		}
	}
	return 0
}
