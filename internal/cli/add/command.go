// Package add is `farswap ublk add`: it makes a block device and serves it until it is
// stopped.
package add

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/farswap/farswap/internal/cli/command"
	"github.com/farswap/farswap/internal/cli/flags"
	"github.com/farswap/farswap/internal/cli/process"
	"github.com/farswap/farswap/internal/cli/usage"
	"github.com/farswap/farswap/internal/flusher"
	"github.com/farswap/farswap/swapdev"
	"github.com/farswap/farswap/ublk"
)

const defaultConfig = "/etc/farswap/device.toml"

// maxPriority is the highest priority that swapon(2) takes (SWAP_FLAG_PRIO_MASK).
const maxPriority = 0x7fff

// Command returns `farswap ublk add`.
func Command(a *command.App) *cobra.Command {
	cmd, _ := newCommand(a)
	return cmd
}

// newCommand returns the command and what its flags set.
func newCommand(a *command.App) (*cobra.Command, *options) {
	o := newOptions()
	o.logDropped = a.LogDropped
	cmd := &cobra.Command{
		Use:   "add --size SIZE --donor HOST:PORT…|--join HOST:PORT… --backing PATH|none",
		Short: "Make a device and serve it until it is stopped",
		Long: `add makes a block device, prints its path when it can take I/O, and serves it
in the foreground until SIGTERM, SIGINT or ` + "`farswap ublk stop`" + `. It refuses to stop
while the device is swap or mounted; under systemd, and with --swapoff-on-stop, a
signal makes it take swap off first, and another one cancels that. For systemd it is
Type=notify. Certificates, the
revocation list, the key of gossip and the names of donors in the configuration file
are read again when they change, and on SIGHUP.`,
		Example: `  farswap ublk add --size 16G --donor mem1:9400 --donor mem2:9400 \
      --backing /var/lib/farswap/0 --cert /etc/farswap/cert --swapon`,
		Args: a.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			open, err := o.prepare(cmd, a.Log)
			if err != nil {
				return err
			}
			o.listed = command.ListOf(cmd, "allow-donor")
			return o.serve(cmd, open, a.Log)
		},
	}
	o.register(cmd)
	flags.StateRoot(cmd, &o.root)
	command.WithConfig(cmd, defaultConfig)
	return cmd, o
}

// prepare refuses options that do not fit together, before anything is opened.
func (o *options) prepare(cmd *cobra.Command, log zerolog.Logger) (opener, error) {
	switch {
	case o.priority < -1 || o.priority > maxPriority:
		return nil, usage.Errorf("--priority %d: want 0 to %d, or -1 to leave it to the kernel", o.priority, maxPriority)
	case o.priority >= 0 && !o.swapon:
		return nil, usage.Errorf("--priority means nothing without --swapon")
	case o.size == 0 && o.target != targetLoop:
		return nil, usage.Errorf("--size is missing: give the device's size, such as --size 16G")
	case o.slab == 0 || o.maxIO == 0 || o.depth.n == 0: // a library's 0 is its default
		return nil, usage.Errorf("--slab %v, --max-io %v, --depth %d: want more than 0 each", o.slab, o.maxIO, o.depth.n)
	case !(o.hot > 0) || math.IsInf(o.hot, 1):
		return nil, usage.Errorf("--hot %g: want more than 0 page I/Os per second", o.hot)
	}
	if !slices.Contains(targetNames, o.target) {
		last := len(targetNames) - 1
		return nil, usage.Errorf("--target %q: want %s or %s", o.target, strings.Join(targetNames[:last], ", "), targetNames[last])
	}
	if err := refuseForeign(cmd.Flags(), o.target); err != nil {
		return nil, err
	}
	if _, err := o.takesOff(false); err != nil {
		return nil, err
	}
	if err := o.checkMemory(); err != nil {
		return nil, err
	}
	if err := o.fit(); err != nil {
		return nil, err
	}
	switch o.target {
	case targetNull:
		return o.prepareNull(log)
	case targetLoop:
		return o.prepareLoop(log)
	case targetHDD:
		return o.prepareHDD(log)
	default:
		return o.prepareSwap(cmd, log)
	}
}

// serve makes this process fit to serve swap, opens the device and serves it to its end.
func (o *options) serve(cmd *cobra.Command, open opener, log zerolog.Logger) error {
	// The more telling error first: without a driver nothing else matters.
	control, err := ublk.OpenControl()
	if err != nil {
		return err
	}
	if err := control.Close(); err != nil {
		return err
	}
	if err := protect(log); err != nil {
		return err
	}
	warnTiny(o.total, log)
	warnBuffers(o.chosenBuffers(), o.total, log)
	if o.target == targetSwap && o.insecure {
		addresses, _ := splitDonors(o.donors)
		log.Warn().Strs("donors", addresses).Msg("insecure: no TLS, no identities; loopback only")
	}
	if o.target == targetSwap && o.seal == string(swapdev.SealOff) {
		log.Warn().Msg("pages are not sealed: donors, the network and who has the backing file can read what is swapped, and forge it")
	}
	end := process.WatchSignals()
	defer end.Close()
	dev, err := open(end.Early)
	if err != nil {
		return err
	}
	defer o.follow(end.Again, log)()
	s := o.session(dev, log)
	s.ease = newEase(log)
	if err := flusher.Settle(); err != nil { // before anything is swapped to the device
		return errors.Join(err, s.stop())
	}
	return s.run(cmd.OutOrStdout(), o, end.Asked)
}

// session is a device with its standby, if it is to have one.
func (o *options) session(dev device, log zerolog.Logger) *session {
	s := &session{dev: dev, log: log, off: realOff, handedOver: make(chan struct{})}
	s.takesOff, _ = o.takesOff(process.Managed()) // who started the server has checked it
	swap, ok := dev.(*swapdev.Device)
	if !ok {
		return s
	}
	swap.OnUpgrade(s.handOver)
	if o.supervise != superviseOff && swap.Kept() {
		s.standby = &standby{path: dev.Path(), id: swap.ID(), root: o.root, always: o.supervise == superviseOn, log: log, tell: swap.SetStandby}
	}
	return s
}

// protect executes this program again, as an I/O flusher, and locks its memory. Nothing may
// be logged before: a line that is still in memory does not outlive that.
func protect(log zerolog.Logger) error {
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
		log.Warn().Msg(w)
	}
	return nil
}
