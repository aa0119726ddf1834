package main

import (
	"context"
	"fmt"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/farswap/farswap/internal/flusher"
	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/swapdev"
	"github.com/farswap/farswap/ublk"
)

const defaultDeviceConfig = "/etc/farswap/device.toml"

// maxPriority is the highest priority that swapon(2) takes (SWAP_FLAG_PRIO_MASK).
const maxPriority = 0x7fff

// Targets of a device.
const (
	targetSwap = "swap"
	targetNull = "null"
	targetLoop = "loop"
	targetHDD  = "hdd"
)

// addOptions are the flags of `ublk add`.
type addOptions struct {
	target        string
	id            int
	size          byteSize
	slab          byteSize
	maxIO         byteSize
	queues, depth int
	donors        []string
	cluster       clusterOptions
	transport     string
	spin          time.Duration
	prefetch      bool
	rdma          rdmaOptions
	cert          string
	insecure      bool
	backing       string
	acceptLoss    bool
	ack           string
	hot           float64
	placement     placementOptions
	opTimeout     time.Duration
	patience      time.Duration
	name          string
	probes        string
	swapon        bool
	priority      int
	root          string
}

// deviceServer is a device that this process serves.
type deviceServer interface {
	Path() string
	Done() <-chan struct{} // closed when it is gone
	Err() error            // why, once it is: nil after a stop
	// Stop takes it away and waits until it is gone. While it is in use, it is
	// one of refusals and nothing changes.
	Stop(context.Context) error
}

func (a *app) ublkAdd() *cobra.Command {
	o := &addOptions{slab: slabmap.DefaultSlabSize, maxIO: ublk.DefaultMaxIO}
	cmd := &cobra.Command{
		Use:   "add --size SIZE --donor HOST:PORT…|--join HOST:PORT… --backing PATH|none",
		Short: "Make a device and serve it until it is stopped",
		Long: `add makes a block device, prints its path when it can take I/O, and serves it
in the foreground until SIGTERM, SIGINT or ` + "`farswap ublk stop`" + `. It refuses to stop
while the device is swap or mounted. For systemd it is Type=notify.`,
		Example: `  farswap ublk add --size 16G --donor mem1:9400 --donor mem2:9400 \
      --backing /var/lib/farswap/0 --cert /etc/farswap/cert --swapon`,
		Args: a.noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, err := o.check(cmd.Flags().Changed, a.log)
			if err != nil {
				return err
			}
			return a.add(cmd, o, config)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.target, "target", targetSwap, "what serves the device: swap; null and loop, which try the driver alone; hdd, locked memory as slow as a hard disk")
	f.IntVar(&o.id, "id", -1, "number of the device; -1 takes the first free one")
	f.Var(&o.size, "size", "size of the device; for loop the size of the file if not given")
	f.Var(&o.slab, "slab", "size of a slab: a power of two from 4M to 1G")
	f.Var(&o.maxIO, "max-io", "largest request: a power of two from 4K to 32M")
	f.IntVar(&o.queues, "queues", 0, "hardware queues, each with a thread; 0 is one for two CPUs, 4 at most")
	f.IntVar(&o.depth, "depth", ublk.DefaultDepth, "requests in flight per queue, 1 to 4096")
	f.StringSliceVar(&o.donors, "donor", nil, "HOST:PORT of a donor, or dns:NAME:PORT for all that a name resolves to; repeat it for more")
	o.cluster.flags(f)
	f.StringVar(&o.transport, "transport", "auto", "how pages travel: rdma, tcp, or auto for what works with each donor")
	f.DurationVar(&o.spin, "spin", swapdev.DefaultSpin, "how long a queue polls for RDMA completions before it sleeps, at most 10ms; it costs CPU time")
	f.BoolVar(&o.prefetch, "prefetch", true, "fetch pages of donors ahead of who reads in order")
	o.rdma.flags(f)
	f.StringVar(&o.cert, "cert", "", "folder of this machine's identity, from `farswap cert issue`")
	f.BoolVar(&o.insecure, "insecure", false, "no TLS; for donors on loopback addresses only")
	f.StringVar(&o.backing, "backing", "", "file or block device of the local copy, or none; a file that does not exist is made")
	f.BoolVar(&o.acceptLoss, "accept-loss", false, "allow --backing none: losing one donor then loses its pages")
	f.StringVar(&o.ack, "ack", string(swapdev.RemoteFirst), "when a write is done: remote-first, or strict for both copies")
	f.Float64Var(&o.hot, "hot", swapdev.DefaultHotThreshold, "page I/Os per second at which a slab goes to a donor")
	o.placement.flags(f)
	f.DurationVar(&o.opTimeout, "op-timeout", swapdev.DefaultOpTimeout, "longest wait for a donor to get something done; then it has failed")
	f.DurationVar(&o.patience, "patience", swapdev.DefaultPatience, "longest wait of one request, over all its attempts")
	f.StringVar(&o.probes, "probes", string(swapdev.ProbesAuto), "measure latency in the kernel: on, off, or auto if the kernel and the privileges allow it")
	f.StringVar(&o.name, "name", "", "what donors show this device as; the host's name if not given")
	f.BoolVar(&o.swapon, "swapon", false, "make it swap: mkswap, then swapon with discard")
	f.IntVar(&o.priority, "priority", -1, "priority of the swap, 0 to 32767; -1 leaves it to the kernel")
	rootFlag(cmd, &o.root)
	withConfig(cmd, defaultDeviceConfig)
	return cmd
}

// check refuses options that do not fit together and asks the packages that
// take the values what they may be. The configuration is that of target swap.
func (o *addOptions) check(given func(string) bool, log zerolog.Logger) (swapdev.Config, error) {
	switch {
	case o.priority < -1 || o.priority > maxPriority:
		return swapdev.Config{}, usage("--priority %d: want 0 to %d, or -1 to leave it to the kernel", o.priority, maxPriority)
	case o.priority >= 0 && !o.swapon:
		return swapdev.Config{}, usage("--priority means nothing without --swapon")
	case o.size == 0 && o.target != targetLoop:
		return swapdev.Config{}, usage("--size is missing: give the device's size, such as --size 16G")
	}
	switch o.target {
	case targetSwap:
		return o.swapConfig(log)
	case targetNull, targetLoop, targetHDD:
		return swapdev.Config{Log: log}, o.checkPlain(given)
	default:
		return swapdev.Config{}, usage("--target %q: want %s, %s, %s or %s", o.target, targetSwap, targetNull, targetLoop, targetHDD)
	}
}

// open makes the device. After an error nothing of it is left.
func (o *addOptions) open(ctx context.Context, config swapdev.Config) (deviceServer, error) {
	if o.target != targetSwap {
		return openPlain(o, config.Log)
	}
	return swapdev.Open(ctx, config)
}

// add prepares the process, opens the device and serves it.
func (a *app) add(cmd *cobra.Command, o *addOptions, config swapdev.Config) error {
	// The more telling error first: without a driver the rest is moot.
	control, err := ublk.OpenControl()
	if err != nil {
		return err
	}
	if err := control.Close(); err != nil {
		return err
	}
	if err := flusher.Reexec(); err != nil {
		return fmt.Errorf("a server of swap must never wait for memory: %w", err)
	}
	warnings, err := flusher.Protect()
	if err != nil {
		return err
	}
	if w := flusher.Realtime(); w != "" {
		warnings = append(warnings, w)
	}
	for _, w := range warnings {
		a.log.Warn().Msg(w)
	}
	if config.Insecure {
		a.log.Warn().Strs("donors", config.Donors).Msg("insecure: no TLS, no identities; loopback only")
	}
	end := watchSignals()
	defer end.close()
	dev, err := o.open(end.early, config)
	if err != nil {
		return err
	}
	s := &session{dev: dev, log: a.log}
	return s.run(cmd.OutOrStdout(), o, end.asked)
}
