package main

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/rs/zerolog"

	"github.com/farswap/farswap/cluster"
	"github.com/farswap/farswap/swapdev"
)

// swapConfig is the configuration of target swap.
func (o *addOptions) swapConfig(log zerolog.Logger) (swapdev.Config, error) {
	addresses, names := splitDonors(o.donors)
	id, err := identity(o.cert, o.insecure, addresses)
	if err != nil {
		return swapdev.Config{}, err
	}
	rdma, err := o.rdma.check()
	if err != nil {
		return swapdev.Config{}, err
	}
	if err := o.cluster.check(); err != nil {
		return swapdev.Config{}, err
	}
	judge, err := o.placement.check()
	if err != nil {
		return swapdev.Config{}, err
	}
	for _, name := range names {
		if err := cluster.CheckAddress(strings.TrimPrefix(name, dnsPrefix)); err != nil {
			return swapdev.Config{}, usage("--donor %s: %w", name, err)
		}
	}
	config := swapdev.Config{
		ID: o.id, Size: int64(o.size), SlabSize: int64(o.slab),
		Queues: o.queues, Depth: o.depth, MaxIO: int(o.maxIO),
		Donors: addresses, Backing: o.backing, AcceptLoss: o.acceptLoss,
		Ack: swapdev.AckPolicy(o.ack), Transport: o.transport, RDMA: rdma, Spin: o.spin, NoPrefetch: !o.prefetch,
		Identity: id, Insecure: o.insecure, Name: o.name,
		HotThreshold: o.hot, OpTimeout: o.opTimeout, Patience: o.patience,
		Probes:    swapdev.Probes(o.probes),
		Placement: o.placement.policy, SlowBy: o.placement.by, Judge: judge, Period: o.placement.period,
		StateRoot: o.root, Log: log,
	}
	if len(names) > 0 || o.cluster.given() {
		config.Cluster = func(ctx context.Context) (cluster.Source, error) { return o.discover(ctx, names, log) }
	}
	return config, config.Validate()
}

// dnsPrefix begins a --donor that stands for all that a name resolves to.
const dnsPrefix = "dns:"

// splitDonors tells addresses from names that resolve to many.
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

// discover opens what tells of donors that have no address on the command line.
func (o *addOptions) discover(ctx context.Context, names []string, log zerolog.Logger) (cluster.Source, error) {
	resolved, err := cluster.Open(log, names...)
	if err != nil {
		return nil, err
	}
	gossip, err := o.cluster.open(ctx, log)
	if err != nil {
		return nil, errors.Join(err, resolved.Close())
	}
	sources := slices.DeleteFunc([]cluster.Source{resolved, gossip}, func(s cluster.Source) bool { return s == nil })
	return cluster.Merge(sources...), nil
}
