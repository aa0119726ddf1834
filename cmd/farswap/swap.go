package main

import (
	"github.com/rs/zerolog"

	"farswap/swapdev"
)

// swapConfig is the configuration of target swap, checked.
func (o *addOptions) swapConfig(log zerolog.Logger) (swapdev.Config, error) {
	id, err := identity(o.cert, o.insecure, o.donors)
	if err != nil {
		return swapdev.Config{}, err
	}
	rdma, err := o.rdma.check()
	if err != nil {
		return swapdev.Config{}, err
	}
	config := swapdev.Config{
		ID: o.id, Size: int64(o.size), SlabSize: int64(o.slab),
		Queues: o.queues, Depth: o.depth, MaxIO: int(o.maxIO),
		Donors: o.donors, Backing: o.backing, AcceptLoss: o.acceptLoss,
		Ack: swapdev.AckPolicy(o.ack), Transport: o.transport, RDMA: rdma, Spin: o.spin,
		Identity: id, Insecure: o.insecure, Name: o.name,
		HotThreshold: o.hot, OpTimeout: o.opTimeout, Patience: o.patience,
		StateRoot: o.root, Log: log,
	}
	return config, config.Validate()
}
