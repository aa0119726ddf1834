package add

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/farswap/farswap/cluster"
	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/internal/cli/flags"
	"github.com/farswap/farswap/internal/cli/usage"
	"github.com/farswap/farswap/swapdev"
)

// prepareSwap prepares a device whose pages are at donors.
func (o *options) prepareSwap(cmd *cobra.Command, log zerolog.Logger) (opener, error) {
	config, err := o.swapConfig(log)
	if err != nil {
		return nil, err
	}
	if config.Options, err = remember(cmd); err != nil {
		return nil, err
	}
	for name, given := range map[string]bool{"sparse": o.sparse, "overwrite": o.overwrite, "backing-in-memory": o.inMemory} {
		if given && o.backing == swapdev.NoBacking {
			return nil, usage.Errorf("--%s means nothing with --backing %s", name, swapdev.NoBacking)
		}
	}
	allocation := newAllocation(cmd.ErrOrStderr(), log)
	config.Allocating = allocation.progress
	return func(ctx context.Context) (device, error) {
		defer allocation.end()
		return swapdev.Open(ctx, config)
	}, nil
}

// swapConfig is the configuration of target swap.
func (o *options) swapConfig(log zerolog.Logger) (swapdev.Config, error) {
	addresses, names := splitDonors(o.donors)
	id, err := flags.Identity(o.cert, o.revoked, o.insecure, addresses, control.RoleDevice)
	if err != nil {
		return swapdev.Config{}, err
	}
	rdma, err := o.rdma.Config()
	if err != nil {
		return swapdev.Config{}, err
	}
	keep, ok := map[string]swapdev.Keep{superviseAuto: swapdev.KeepAuto, superviseOn: swapdev.KeepOn, superviseOff: swapdev.KeepAuto}[o.supervise]
	if !ok {
		return swapdev.Config{}, usage.Errorf("--supervise %q: want %s, %s or %s", o.supervise, superviseAuto, superviseOn, superviseOff)
	}
	if err := o.gossip.Check(); err != nil {
		return swapdev.Config{}, err
	}
	judge, err := o.placement.check()
	if err != nil {
		return swapdev.Config{}, err
	}
	for _, name := range names {
		if err := cluster.CheckAddress(strings.TrimPrefix(name, dnsPrefix)); err != nil {
			return swapdev.Config{}, usage.Errorf("--donor %s: %w", name, err)
		}
	}
	config := swapdev.Config{
		ID: o.id, Size: int64(o.size), SlabSize: int64(o.slab),
		Queues: o.queues, Depth: o.depth.n, MaxIO: int(o.maxIO),
		Donors: addresses, Backing: o.backing, AcceptLoss: o.acceptLoss, Sparse: o.sparse,
		Overwrite: o.overwrite, BackingInMemory: o.inMemory,
		Ack: swapdev.AckPolicy(o.ack), Seal: swapdev.Seal(o.seal), Transport: o.transport, RDMA: rdma, Spin: o.spin, NoPrefetch: !o.prefetch,
		Identity: id, Insecure: o.insecure, Name: o.name,
		HotThreshold: o.hot, OpTimeout: o.opTimeout, Patience: o.patience, Grace: o.grace,
		Probes:    swapdev.Probes(o.probes),
		Placement: o.placement.policy, SlowBy: o.placement.by, Judge: judge, Period: o.placement.period,
		StateRoot: o.root, Keep: keep, Log: log, LogDropped: o.logDropped,
	}
	o.identity = id
	if len(o.allow) > 0 {
		o.allowed = &control.Names{}
		if err := o.allowed.Set(o.allow); err != nil {
			return swapdev.Config{}, usage.Errorf("--allow-donor: %w", err)
		}
		config.Accept = o.allowed.Accept
	}
	if len(names) > 0 || o.gossip.Given() {
		config.Cluster = func(ctx context.Context) (cluster.Source, error) { return o.discover(ctx, names, log) }
	}
	return config, config.Validate()
}

// dnsPrefix begins a --donor that stands for all addresses of a name.
const dnsPrefix = "dns:"

// splitDonors separates addresses from names that stand for several.
func splitDonors(donors []string) (addresses, names []string) {
	for _, d := range donors {
		if strings.HasPrefix(d, dnsPrefix) {
			names = append(names, d)
		} else {
			addresses = append(addresses, d)
		}
	}
	return addresses, names
}

// discover opens the sources of donors that have no address on the command line: names and
// gossip.
func (o *options) discover(ctx context.Context, names []string, log zerolog.Logger) (cluster.Source, error) {
	resolved, err := cluster.Open(log, names...)
	if err != nil {
		return nil, err
	}
	if o.member, err = o.gossip.Open(ctx, log, false); err != nil {
		return nil, errors.Join(err, resolved.Close())
	}
	sources := slices.DeleteFunc([]cluster.Source{resolved}, func(s cluster.Source) bool { return s == nil })
	if o.member != nil {
		sources = append(sources, o.member)
	}
	return cluster.Merge(sources...), nil
}
