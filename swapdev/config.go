package swapdev

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"time"

	"github.com/rs/zerolog"

	"github.com/farswap/farswap/cluster"
	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/internal/devserver"
	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/swapdev/lenders"
	"github.com/farswap/farswap/swapdev/path"
	"github.com/farswap/farswap/swapdev/placement"
	"github.com/farswap/farswap/ublk"
	"github.com/farswap/farswap/verbs"
	"github.com/farswap/farswap/verbs/rdma"
)

// AckPolicy says when a write is answered.
type AckPolicy = path.AckPolicy

// Acknowledge policies.
const (
	RemoteFirst = path.RemoteFirst // when the donor or the backing file has it
	Strict      = path.Strict      // when both have it; without a donor that is late or suspended
)

// What donors are judged by.
const (
	SlowByServer = "server" // reads on the queues' connections to the donor
	SlowByKernel = "kernel" // block reads of the donor's slabs, by the probes in the kernel
)

// Placement policies.
const (
	PlacementPaper   = placement.Paper   // the emptier of two donors at random
	PlacementLatency = placement.Latency // the same, but slow donors get no slabs and lose their hottest
)

// Seal says whether pages are sealed before they leave the process.
type Seal string

// Whether pages are sealed.
const (
	SealOn  Seal = "on"  // encrypted and authenticated, with a key that this process alone has
	SealOff Seal = "off" // donors, who listens between, and who has the backing file can read pages and forge them
)

// NoBacking as Config.Backing stands for no local copy.
const NoBacking = "none"

// Defaults of a Config.
const (
	DefaultHotThreshold = 20.0                 // page I/Os per second (the paper's HotSlab)
	DefaultOpTimeout    = 2 * time.Second      // of a donor to get something done
	DefaultPatience     = 30 * time.Second     // of a request that gets no further
	DefaultGrace        = 30 * time.Second     // for a broken connection to a donor to come back
	DefaultLate         = 4 * time.Millisecond // the least after which a donor is late
	DefaultSpin         = 100 * time.Microsecond
	DefaultPlacement    = PlacementLatency
	DefaultSlowBy       = SlowByServer
	DefaultPeriod       = 5 * time.Second // in which latency is measured for the placement
	leastPeriod         = 100 * time.Millisecond
	mostPeriod          = time.Hour
	mostGrace           = time.Hour
	maxSpin             = 10 * time.Millisecond
	maxDiscard          = 64 << 20
)

// Discovery opens a source of donors, which the device closes.
type Discovery func(context.Context) (cluster.Source, error)

// Config says which swap device is wanted.
type Config struct {
	ID         int       // ublk number, -1: the first free
	Size       int64     // bytes, a multiple of the page size
	SlabSize   int64     // bytes, a power of two from 4 MiB to 1 GiB; 0: 64 MiB
	Queues     int       // 0: as package ublk chooses
	Depth      int       // requests in flight per queue; 0: as package ublk chooses
	MaxIO      int       // bytes of the largest request, a power of two up to 1 MiB; 0: 128 KiB
	Donors     []string  // control addresses, HOST:PORT
	Cluster    Discovery // finds more donors, which may come and go; nil: none
	Backing    string    // file or block device for the local copy, or NoBacking
	AcceptLoss bool      // goes with NoBacking: the loss of a donor loses pages
	Ack        AckPolicy // "": RemoteFirst
	Seal       Seal      // "": SealOn

	// Sparse has a backing file that Open makes take room on its disk only when it is
	// written. Otherwise Open allocates all of it.
	Sparse bool
	// Overwrite lets Open take a backing file or disk that seems to hold something.
	Overwrite bool
	// BackingInMemory lets Open take one that is in memory. It is for measurements.
	BackingInMemory bool
	// Allocating hears how far Open is with that, in bytes. Open's goroutine calls it, up
	// to a thousand times a second. nil: nobody listens.
	Allocating func(done, total int64)

	// Transport is "tcp", "rdma", or "auto": with each donor RDMA if both ends have
	// it, else TCP. "": auto.
	Transport string
	RDMA      *rdma.Config  // nil: rdma.DefaultConfig()
	Spin      time.Duration // how long a queue polls for RDMA completions before it sleeps, at most 10 ms; 0: not at all

	NoPrefetch bool // do not fetch pages ahead of who reads in order

	Identity *control.Identity // of this machine; nil only with Insecure
	Insecure bool              // sessions without TLS, to loopback addresses only
	// Accept says whether a donor may be used whose certificate has this name; nil accepts
	// all. It is asked again while the donor is used, from several goroutines, and must not
	// wait. It needs an Identity.
	Accept func(name string) error

	Name string // as donors show this device; "": the host's name

	Probes Probes // "": ProbesAuto

	HotThreshold float64       // page I/Os per second from which a slab is mapped; 0: DefaultHotThreshold
	OpTimeout    time.Duration // 0: DefaultOpTimeout
	Patience     time.Duration // 0: DefaultPatience
	// Late is the least time after which a donor is late with a page, however fast it has
	// been: then the backing file is asked, too. 0: DefaultLate.
	Late time.Duration
	// Grace is how long a connection to a donor may be broken before the donor is lost with
	// all its slabs, 1 ms to 1 h; 0: DefaultGrace. The donor keeps a session without its
	// control connection no longer than its lease.
	Grace time.Duration

	Placement string              // PlacementPaper or PlacementLatency; "": DefaultPlacement
	SlowBy    string              // SlowByServer or SlowByKernel; "": DefaultSlowBy
	Judge     slabmap.JudgeConfig // when a donor is slow; Hot is HotThreshold if it is 0
	Period    time.Duration       // of the judge, 100 ms to 1 h; 0: DefaultPeriod

	// otherDeadline bounds the wait for the second of two donors that are asked for their
	// memory, once the first has answered. 0: placement.OtherDeadline.
	otherDeadline time.Duration

	// Driver opens what makes the block device; nil: the kernel's driver. Tests and models of
	// a device on a kernel without ublk bring one of their own.
	Driver func() (devserver.Driver, error)
	// transports is what tests put in the place of Transport; nil: nothing.
	transports []*lenders.Transport

	StateRoot string // "": status.DefaultRoot
	Keep      Keep   // whether another server can take the device over; "": KeepOff
	// Options are kept with the state for the program of the next server; see KeptOptions.
	Options json.RawMessage
	Log     zerolog.Logger
	// LogDropped counts the lines of Log that were dropped, for status. nil: none ever is.
	LogDropped func() uint64
}

// Validate checks the configuration alone: no file is looked at and nobody is
// asked. Its errors wrap ErrConfig.
func (c Config) Validate() error {
	c = c.withDefaults()
	refuse := func(format string, a ...any) error {
		return fmt.Errorf(format+": %w", append(a, ErrConfig)...)
	}
	because := func(reason error) error { return fmt.Errorf("%w: %w", ErrConfig, reason) }
	if err := c.geometry().Validate(); err != nil {
		return fmt.Errorf("%w: %w", ErrConfig, err)
	}
	if err := c.spec().WithDefaults().Validate(); err != nil {
		return fmt.Errorf("%w: %w", ErrConfig, err)
	}
	if err := c.Judge.Validate(); err != nil {
		return fmt.Errorf("placement: %w: %w", ErrConfig, err)
	}
	switch {
	case c.MaxIO > verbs.MaxLength:
		return refuse("largest request %d bytes: want at most %d", c.MaxIO, verbs.MaxLength)
	case len(c.Donors) == 0 && c.Cluster == nil:
		return because(ErrNoDonorNamed)
	case len(c.Donors) > lenders.MaxDonors:
		return refuse("%d donors: at most %d", len(c.Donors), lenders.MaxDonors)
	case c.Backing == "":
		return because(ErrNoBackingFile)
	case c.Backing == NoBacking && !c.AcceptLoss:
		return because(ErrLoss)
	case c.Backing == NoBacking && c.Ack == Strict:
		return because(ErrOneCopy)
	case c.Ack != RemoteFirst && c.Ack != Strict:
		return refuse("acknowledge policy %q: want %s or %s", c.Ack, RemoteFirst, Strict)
	case c.Seal != SealOn && c.Seal != SealOff:
		return refuse("pages sealed %q: want %s or %s", c.Seal, SealOn, SealOff)
	case c.Keep != KeepOff && c.Keep != KeepOn && c.Keep != KeepAuto:
		return refuse("state kept %q: want %s, %s or %s", c.Keep, KeepOff, KeepOn, KeepAuto)
	case c.Transport != lenders.TransportAuto && c.Transport != lenders.TransportRDMA && c.Transport != lenders.TransportTCP:
		return refuse("transport %q: want auto, rdma or tcp", c.Transport)
	case c.Spin < 0 || c.Spin > maxSpin:
		return refuse("spin of %v: want 0 to %v", c.Spin, maxSpin)
	case !(c.HotThreshold >= 0): // NaN too
		return refuse("hot threshold %g: want 0 or more page I/Os per second", c.HotThreshold)
	case c.OpTimeout < time.Millisecond || c.Patience < c.OpTimeout:
		return refuse("timeouts %v and %v: want an operation's of at least 1ms, and a request's that is not shorter", c.OpTimeout, c.Patience)
	case c.Grace < time.Millisecond || c.Grace > mostGrace:
		return refuse("grace time of %v: want 1ms to %v", c.Grace, mostGrace)
	case c.Late < time.Millisecond:
		return refuse("donors late after %v: want at least 1ms", c.Late)
	case c.Probes != ProbesAuto && c.Probes != ProbesOn && c.Probes != ProbesOff:
		return refuse("probes %q: want auto, on or off", c.Probes)
	case c.Placement != PlacementPaper && c.Placement != PlacementLatency:
		return refuse("placement %q: want %s or %s", c.Placement, PlacementPaper, PlacementLatency)
	case c.SlowBy != SlowByServer && c.SlowBy != SlowByKernel:
		return refuse("donors judged by %q: want %s or %s", c.SlowBy, SlowByServer, SlowByKernel)
	case c.SlowBy == SlowByKernel && c.Probes == ProbesOff:
		return refuse("donors judged by %s, with the probes off", c.SlowBy)
	case c.Period < leastPeriod || c.Period > mostPeriod:
		return refuse("placement period of %v: want %v to %v", c.Period, leastPeriod, mostPeriod)
	case c.Name != "" && !control.ValidName(c.Name):
		return refuse("name %q: want 1 to 64 letters, digits, dots, dashes or underscores", c.Name)
	case c.Identity == nil && !c.Insecure:
		return because(ErrNoIdentity)
	case c.Accept != nil && c.Insecure:
		return refuse("allowed donors: without TLS donors have no names: give the device an identity")
	}
	return c.validateDonors()
}

func (c Config) validateDonors() error {
	seen := map[string]bool{}
	for _, addr := range c.Donors {
		host, port, err := net.SplitHostPort(addr)
		if err != nil || host == "" || port == "" {
			return fmt.Errorf("donor %q: want HOST:PORT: %w", addr, ErrConfig)
		}
		if n, err := net.LookupPort("tcp", port); err != nil || n == 0 {
			return fmt.Errorf("donor %q: port %q: %w", addr, port, ErrConfig)
		}
		if seen[addr] {
			return fmt.Errorf("donor %q is given twice: %w", addr, ErrConfig)
		}
		seen[addr] = true
	}
	return nil
}

func (c Config) withDefaults() Config {
	orDefault(&c.SlabSize, slabmap.DefaultSlabSize)
	orDefault(&c.Ack, RemoteFirst)
	orDefault(&c.Seal, SealOn)
	orDefault(&c.Keep, KeepOff)
	orDefault(&c.StateRoot, status.DefaultRoot)
	orDefault(&c.Transport, lenders.TransportAuto)
	if c.RDMA == nil {
		config := rdma.DefaultConfig()
		c.RDMA = &config
	}
	orDefault(&c.Probes, ProbesAuto)
	orDefault(&c.HotThreshold, DefaultHotThreshold)
	orDefault(&c.OpTimeout, DefaultOpTimeout)
	orDefault(&c.Patience, DefaultPatience)
	orDefault(&c.Late, DefaultLate)
	orDefault(&c.Grace, DefaultGrace)
	orDefault(&c.Placement, DefaultPlacement)
	orDefault(&c.SlowBy, DefaultSlowBy)
	orDefault(&c.Period, DefaultPeriod)
	orDefault(&c.Judge.Hot, c.HotThreshold)
	orDefault(&c.otherDeadline, placement.OtherDeadline)
	return c
}

func orDefault[T comparable](v *T, value T) {
	var zero T
	if *v == zero {
		*v = value
	}
}

// testReads is how many test reads measure a donor.
func (c Config) testReads() int {
	if c.Judge.MinReads == 0 {
		return slabmap.DefaultMinReads
	}
	return c.Judge.MinReads
}

func (c Config) geometry() slabmap.Geometry {
	return slabmap.Geometry{Size: c.Size, SlabSize: c.SlabSize, Sealed: c.Seal == SealOn}
}

// backing is the backing file for the configuration.
func (c Config) backing() path.BackingConfig {
	return path.BackingConfig{
		Path: c.Backing, Size: c.Size, Sparse: c.Sparse, Overwrite: c.Overwrite, InMemory: c.BackingInMemory,
		Warn: func(text string) { c.Log.Warn().Msg(text) }, Progress: c.Allocating,
	}
}

// spec is the ublk device for the configuration. Its blocks are the pages that swap
// reads and writes. Swap on it outlives a dead server, because writing a page twice is
// harmless. The kernel does not sort its requests, because nothing turns. Each tag has
// one spare buffer, so that a queue full of writes can be answered while the backing
// file works.
func (c Config) spec() ublk.Spec {
	s := ublk.Spec{
		ID: c.ID, Size: c.Size, Queues: c.Queues, Depth: c.Depth, MaxIO: c.MaxIO, BlockSize: slabmap.PageSize,
		MaxDiscard: maxDiscard, WriteCache: c.Backing != NoBacking,
		Recovery: ublk.RecoverReissue, Scheduler: "none", NoPartScan: true, KeepProcs: true,
	}.WithDefaults()
	s.Spare = s.Depth
	return s
}
