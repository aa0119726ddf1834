package donor

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/rs/zerolog"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/evict"
	"github.com/farswap/farswap/internal/memory"
	"github.com/farswap/farswap/offheap"
	"github.com/farswap/farswap/verbs/rdma"
)

// ErrConfig means that a configuration is wrong.
var ErrConfig = errors.New("wrong configuration")

// Causes of ErrConfig that have a remedy of their own. Errors wrap them beside ErrConfig.
var (
	ErrName     = errors.New("want up to 64 letters, digits, dots, dashes or underscores")
	ErrMemory   = errors.New("lend less")
	ErrHeadRoom = errors.New("lend less, or keep less")
	ErrNoNames  = errors.New("without TLS devices have none: give the donor an identity")
)

// Defaults of Config.
const (
	DefaultAhead = 4
	DefaultLease = 60 * time.Second
	DefaultTick  = time.Second

	// firstSlab is the size of slabs that the donor prepares before a device has asked, in
	// bytes: slabmap's default.
	firstSlab = 64 << 20
)

// Values of Config.Transport. The last two are names of transports.
const (
	transportAuto = "auto"
	transportRDMA = "rdma"
	transportTCP  = "tcp"
)

// Config says how much a donor lends, to whom, and where. A zero field takes its default.
type Config struct {
	Name       string // for devices and logs; default the identity's name, without one the host's
	Listen     string // control, host:port; required
	DataListen string // TCP data, host:port; default Listen's host, the port after its bound one, or any for port 0
	RDMAListen string // RDMA data, host:port; default Listen's host, two ports after its bound one, or any for port 0

	// Transport is "tcp", "rdma" or "auto". The default "auto" serves TCP, and RDMA whenever
	// this machine has an adapter for it.
	Transport string
	RDMA      *rdma.Config // default rdma.DefaultConfig(); the donor sets its Events

	Memory int64         // bytes lent at most; required, at least control.MinSlab; see Resize
	Ahead  int           // slabs to prepare ahead of need; default DefaultAhead, negative for none
	Lease  time.Duration // how long the donor keeps a lost device's slabs; default DefaultLease. See "Recovery" in the package comment

	HeadRoom HeadRoom      // memory that stays available to the machine's own programs
	Sampler  Sampler       // of the machine's memory; default memory.Here()
	Tick     time.Duration // between two samples; default DefaultTick, which the rules of package evict assume
	Extra    int           // slabs to ask for their activity beyond those to take back; default evict.DefaultExtra, negative for none

	Allow []Allowance // names that may use the donor; empty: every certificate of the CA

	Identity *control.Identity // required unless Insecure
	Insecure bool              // no TLS; loopback addresses only
	Timing   control.Timing

	// Unlocked leaves the memory swappable, for tests only. A donor that swaps the memory that
	// it lends turns remote memory into remote disk.
	Unlocked bool

	Log zerolog.Logger
}

// withDefaults fills in the defaults that do not depend on bound ports.
func (c Config) withDefaults() Config {
	if c.Name == "" && c.Identity != nil {
		c.Name = c.Identity.Name
	}
	if c.Name == "" {
		c.Name, _ = os.Hostname() // Validate sees an empty name
	}
	if c.Ahead == 0 {
		c.Ahead = DefaultAhead
	}
	if c.Lease == 0 {
		c.Lease = DefaultLease
	}
	if c.Sampler == nil {
		c.Sampler = memory.Here()
	}
	if c.Tick == 0 {
		c.Tick = DefaultTick
	}
	if c.Extra == 0 {
		c.Extra = evict.DefaultExtra
	}
	if c.Transport == "" {
		c.Transport = transportAuto
	}
	if c.RDMA == nil {
		config := rdma.DefaultConfig()
		c.RDMA = &config
	}
	return c
}

// memoryOptions is how slabs lie in memory.
func (c Config) memoryOptions() offheap.Options {
	return offheap.Options{Huge: true, Lock: !c.Unlocked, Populate: true}
}

// Validate checks everything that it can check without opening anything. An error is one line
// that says what to do. It wraps ErrConfig, control.ErrIdentity or control.ErrInsecureAddress,
// or is the Sampler's.
func (c Config) Validate() error {
	c = c.withDefaults()
	switch {
	case !control.ValidName(c.Name):
		return fmt.Errorf("donor name %q: %w: %w", c.Name, ErrConfig, ErrName)
	case c.Memory < control.MinSlab:
		return fmt.Errorf("memory of %d bytes: %w: lend at least one slab of %d MiB", c.Memory, ErrConfig, control.MinSlab>>20)
	case c.Lease < 0:
		return fmt.Errorf("lease of %v: %w: it cannot be negative", c.Lease, ErrConfig)
	case c.Tick < 0:
		return fmt.Errorf("tick of %v: %w: it cannot be negative", c.Tick, ErrConfig)
	case c.Identity == nil && !c.Insecure:
		return fmt.Errorf("donor %s: %w", c.Name, control.ErrIdentity)
	case c.Transport != transportAuto && c.Transport != transportRDMA && c.Transport != transportTCP:
		return fmt.Errorf("transport %q: %w: want auto, rdma or tcp", c.Transport, ErrConfig)
	}
	if err := c.checkMemory(); err != nil {
		return err
	}
	if err := checkAllow(c.Allow, c.Memory, c.Insecure); err != nil {
		return err
	}
	if err := c.checkAddress("listen address", c.Listen); err != nil {
		return err
	}
	if err := c.checkData("data address", transportTCP); err != nil {
		return err
	}
	return c.checkData("RDMA address", transportRDMA)
}

// checkData checks the address of a transport, if the donor wants the transport.
// Precondition: Listen is checked.
func (c Config) checkData(what, transport string) error {
	if !c.wants(transport) {
		return nil
	}
	listen, above := c.dataListen(transport)
	if listen != "" {
		return c.checkAddress(what, listen)
	}
	_, port, _ := net.SplitHostPort(c.Listen)
	if n, _ := strconv.Atoi(port); n+above > 65535 {
		return fmt.Errorf("listen address %q: %w: no port is left for the data: set the %s, too", c.Listen, ErrConfig, what)
	}
	return nil
}

// wants reports whether the configuration asks for a transport.
func (c Config) wants(transport string) bool {
	return c.Transport == transportAuto || c.Transport == transport
}

// dataListen returns the configured address of a transport. If that is empty, the transport
// listens above ports above the control port.
func (c Config) dataListen(transport string) (listen string, above int) {
	if transport == transportRDMA {
		return c.RDMAListen, 2
	}
	return c.DataListen, 1
}

func (c Config) checkAddress(what, addr string) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("%s %q: %w: want HOST:PORT or :PORT", what, addr, ErrConfig)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("%s %q: %w: want a port from 0 to 65535", what, addr, ErrConfig)
	}
	if ip := net.ParseIP(host); c.Insecure && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("%s %q: %w: use 127.0.0.1, or a TLS identity", what, addr, control.ErrInsecureAddress)
	}
	return nil
}

// dataAddress returns the address of a transport, given the bound address of control.
func (c Config) dataAddress(transport string, bound net.Addr) string {
	listen, above := c.dataListen(transport)
	if listen != "" {
		return listen
	}
	host, port, _ := net.SplitHostPort(c.Listen)
	if port != "0" {
		port = strconv.Itoa(bound.(*net.TCPAddr).Port + above)
	}
	return net.JoinHostPort(host, port)
}
