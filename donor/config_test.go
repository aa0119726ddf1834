package donor

import (
	"errors"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/verbs"
	"github.com/farswap/farswap/verbs/rdma"
)

func TestOpenRefuses(t *testing.T) {
	checkFDs(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	n := tcpOnly()
	n.rdma = func(addr string, cfg rdma.Config) (verbs.Server, error) {
		if cfg.MTU != 0 {
			return nil, verbs.ErrConfig
		}
		return nil, verbs.ErrUnavailable
	}
	for _, c := range []struct {
		name  string
		spoil func(*Config)
		want  error
	}{
		{"name", func(c *Config) { c.Name = "a b" }, ErrConfig},
		{"no memory", func(c *Config) { c.Memory = 0 }, ErrConfig},
		{"less than a slab", func(c *Config) { c.Memory = control.MinSlab - 1 }, ErrConfig},
		{"more than the machine has", func(c *Config) { c.Memory = 1 << 60 }, ErrConfig},
		{"lease", func(c *Config) { c.Lease = -time.Second }, ErrConfig},
		{"tick", func(c *Config) { c.Tick = -time.Second }, ErrConfig},
		{"headroom", func(c *Config) { c.HeadRoom.Bytes = 1 << 60 }, ErrConfig},
		{"headroom share", func(c *Config) { c.HeadRoom.Share = 1 }, ErrConfig},
		{"allowed name", func(c *Config) { c.Allow = []Allowance{{Name: "a"}} }, ErrConfig}, // insecure
		{"memory that cannot be told", func(c *Config) { c.Sampler = &host{fail: errFault} }, errFault},
		{"no identity", func(c *Config) { c.Insecure = false }, control.ErrIdentity},
		{"no address", func(c *Config) { c.Listen = "" }, ErrConfig},
		{"no port", func(c *Config) { c.Listen = "127.0.0.1" }, ErrConfig},
		{"port", func(c *Config) { c.Listen = "127.0.0.1:65536" }, ErrConfig},
		{"no port left", func(c *Config) { c.Listen = "127.0.0.1:65535" }, ErrConfig},
		{"insecure everywhere", func(c *Config) { c.Listen = ":9400" }, control.ErrInsecureAddress},
		{"transport", func(c *Config) { c.Transport = "pigeon" }, ErrConfig},
		{"no port left for RDMA", func(c *Config) { c.Listen = "127.0.0.1:65534" }, ErrConfig},
		{"RDMA address", func(c *Config) { c.RDMAListen = "here" }, ErrConfig},
		{"insecure RDMA", func(c *Config) { c.RDMAListen = "0.0.0.0:9402" }, control.ErrInsecureAddress},
		{"no RDMA to insist on", func(c *Config) { c.Transport = "rdma" }, verbs.ErrUnavailable},
		{"RDMA configuration", func(c *Config) { c.RDMA = &rdma.Config{MTU: 1} }, ErrConfig},
		{"insecure data", func(c *Config) { c.DataListen = "0.0.0.0:9401" }, control.ErrInsecureAddress},
		{"control address taken", func(c *Config) { c.Listen = taken.Addr().String() }, syscall.EADDRINUSE},
		{"data address taken", func(c *Config) { c.DataListen = taken.Addr().String() }, syscall.EADDRINUSE},
	} {
		cfg := testConfig()
		c.spoil(&cfg)
		d, err := open(cfg, n, nil)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		} else if strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: more than a line: %v", c.name, err)
		}
		if err == nil {
			_ = d.Close()
		}
	}
}

func TestDataAddress(t *testing.T) {
	bound := &net.TCPAddr{IP: net.IPv6loopback, Port: 9400}
	for _, c := range []struct{ transport, listen, told, want string }{
		{"tcp", ":9400", "", ":9401"},
		{"tcp", "[::1]:9400", "", "[::1]:9401"},
		{"tcp", "host:0", "", "host:0"},
		{"tcp", "host:9400", "other:7", "other:7"},
		{"rdma", ":9400", "", ":9402"},
		{"rdma", "host:0", "", "host:0"},
		{"rdma", "host:9400", "other:7", "other:7"},
	} {
		cfg := Config{Listen: c.listen}
		if c.transport == "rdma" {
			cfg.RDMAListen = c.told
		} else {
			cfg.DataListen = c.told
		}
		if got := cfg.dataAddress(c.transport, bound); got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
}
