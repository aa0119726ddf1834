package add

import (
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/farswap/farswap/cluster"
	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/internal/cli/command"
	"github.com/farswap/farswap/internal/cli/flags"
	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/swapdev"
	"github.com/farswap/farswap/ublk"
)

// options are the flags of `ublk add`.
type options struct {
	// Of every target.
	target   string
	id       int
	size     flags.Size
	maxIO    flags.Size
	swapon   bool
	priority int
	// swapoffOnStop is when a signal takes swap off: auto, on or off.
	swapoffOnStop string

	root string

	total int64 // bytes of memory that this machine has, for a swap device

	logDropped func() uint64 // see devserver.Config.LogDropped

	// Of some.
	queues  int
	depth   depth
	backing string

	// Of swap.
	slab       flags.Size
	donors     []string
	gossip     flags.Gossip
	transport  string
	spin       time.Duration
	prefetch   bool
	rdma       flags.RDMA
	cert       string
	revoked    string
	allow      []string
	listed     command.ConfigList // where allow comes from
	allowed    *control.Names     // allow as it is now; nil: all
	member     *cluster.Gossip    // nil: none
	identity   *control.Identity
	insecure   bool
	acceptLoss bool
	sparse     bool
	overwrite  bool
	inMemory   bool
	ack        string
	seal       string
	hot        float64
	placement  placement
	opTimeout  time.Duration
	patience   time.Duration
	grace      time.Duration
	name       string
	probes     string
	supervise  string
}

// Bounds of the times that a device waits.
const (
	minWait     = time.Millisecond
	maxWait     = time.Hour
	maxPatience = 24 * time.Hour
)

func newOptions() *options {
	return &options{slab: slabmap.DefaultSlabSize, maxIO: ublk.DefaultMaxIO, depth: depth{n: ublk.DefaultDepth}}
}

// group is flags that belong to the same targets.
type group struct {
	targets  []string
	why      string // the others do not have them, empty if that is plain
	register func(*options, *pflag.FlagSet)
}

// groups are all flags of the command, each in one group. A flag that a target does not have
// is refused with it.
var groups = []group{
	{targetNames, "", (*options).registerDevice},
	{[]string{targetSwap, targetNull, targetLoop}, "a disk has one head", (*options).registerShape},
	{[]string{targetSwap, targetLoop}, "", (*options).registerBacking},
	{[]string{targetSwap}, "", (*options).registerSwap},
}

// register adds all flags to a command and notes whose they are.
func (o *options) register(cmd *cobra.Command) {
	for _, g := range groups {
		f := pflag.NewFlagSet("", pflag.ContinueOnError)
		g.register(o, f)
		f.VisitAll(func(flag *pflag.Flag) { flag.Annotations = map[string][]string{ofTargets: g.targets, why: {g.why}} })
		cmd.Flags().AddFlagSet(f)
	}
}

func (o *options) registerDevice(f *pflag.FlagSet) {
	f.StringVar(&o.target, "target", targetSwap, "what serves the device: swap; null and loop, which try the driver alone; hdd, locked memory as slow as a hard disk")
	f.IntVar(&o.id, "id", -1, "number of the device; -1 takes the first free one")
	f.Var(&o.size, "size", "size of the device; for loop the size of the file if not given")
	f.Var(&o.maxIO, "max-io", "largest request: a power of two from 4K, up to 1M for swap and 32M for the other targets")
	f.BoolVar(&o.swapon, "swapon", false, "make it swap: mkswap, then swapon with discard")
	f.StringVar(&o.swapoffOnStop, "swapoff-on-stop", swapoffAuto, "take swap off at SIGTERM and SIGINT, and then stop: on, off, or auto for on under systemd")
	f.IntVar(&o.priority, "priority", -1, "priority of the swap, 0 to 32767; -1 leaves it to the kernel")
}

func (o *options) registerShape(f *pflag.FlagSet) {
	f.IntVar(&o.queues, "queues", 0, "hardware queues, each with a thread; 0 is one for two CPUs, 4 at most")
	f.Var(&o.depth, "depth", "requests in flight per queue, 1 to 4096; fewer if not given and the machine has little memory, down to 8")
}

func (o *options) registerBacking(f *pflag.FlagSet) {
	f.StringVar(&o.backing, "backing", "", "file or block device of the local copy, or none; a file that does not exist is made")
	f.BoolVar(&o.overwrite, "overwrite", false, "take a backing file or disk that seems to hold something, and overwrite that")
	f.BoolVar(&o.inMemory, "backing-in-memory", false, "for measurements: take a backing file or disk that is in memory itself")
}

func (o *options) registerSwap(f *pflag.FlagSet) {
	f.Var(&o.slab, "slab", "size of a slab: a power of two from 4M to 1G")
	f.StringSliceVar(&o.donors, "donor", nil, "HOST:PORT of a donor, or dns:NAME:PORT for all that a name resolves to; repeat it for more")
	o.gossip.Register(f)
	f.StringVar(&o.transport, "transport", "auto", "how pages travel: rdma, tcp, or auto for what works with each donor")
	f.DurationVar(&o.spin, "spin", swapdev.DefaultSpin, "how long a queue polls for RDMA completions before it sleeps, at most 10ms; it costs CPU time")
	f.BoolVar(&o.prefetch, "prefetch", true, "fetch pages of donors ahead of a program that reads in order")
	o.rdma.Register(f)
	f.StringVar(&o.cert, "cert", "", "folder of this machine's identity, from farswap cert issue")
	flags.Revoked(f, &o.revoked)
	f.StringArrayVar(&o.allow, "allow-donor", nil, "`NAME` of the certificate of a donor that the device may use; repeatable; all donors if not given")
	f.BoolVar(&o.insecure, "insecure", false, "no TLS; for donors on loopback addresses only")
	f.BoolVar(&o.acceptLoss, "accept-loss", false, "allow --backing none: losing one donor then loses its pages")
	f.BoolVar(&o.sparse, "sparse", false, "make a backing file that takes room on its disk only when it is written; a full disk then fails writes")
	f.StringVar(&o.seal, "seal", string(swapdev.SealOn), "encrypt and authenticate pages before they leave the process: on, or off: then donors, the network and who has the backing file can read and forge them")
	f.StringVar(&o.ack, "ack", string(swapdev.RemoteFirst), "when a write is done: remote-first, or strict for both copies")
	f.Float64Var(&o.hot, "hot", swapdev.DefaultHotThreshold, "page I/Os per second at which a slab goes to a donor")
	o.placement.register(f)
	flags.Duration(f, &o.opTimeout, "op-timeout", swapdev.DefaultOpTimeout, minWait, maxWait, "longest wait for one operation of a donor; then its connection has failed")
	flags.Duration(f, &o.patience, "patience", swapdev.DefaultPatience, minWait, maxPatience, "longest wait of one request that gets no further; what waits for a suspended donor is not counted")
	flags.Duration(f, &o.grace, "grace", swapdev.DefaultGrace, minWait, maxWait, "how long a donor may be unreachable before its slabs are lost; at most its lease")
	f.StringVar(&o.probes, "probes", string(swapdev.ProbesAuto), "measure latency in the kernel: on, off, or auto if the kernel and the privileges allow it")
	f.StringVar(&o.supervise, "supervise", superviseAuto, "keep a standby process that takes the device over at once if this server dies: on, off, or auto while the device is in use; it takes memory")
	f.StringVar(&o.name, "name", "", "what donors show this device as; the host's name if not given")
}
