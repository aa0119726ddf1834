package backend

// All has every backend, in the order of listings.
func All() []Backend {
	return []Backend{
		none(),
		disk(),
		hardDisk(),
		flash(sataSSD),
		flash(nvme),
		zram(),
		zswapDisk(),
		nbd(),
		farswap(donorSwap{transport: "tcp"}),
		farswap(donorSwap{transport: "tcp", policy: strict}),
		farswap(donorSwap{transport: "tcp", policy: remoteOnly}),
		farswap(donorSwap{transport: "rdma"}),
		farswap(donorSwap{transport: "rdma", policy: strict}),
		farswap(donorSwap{transport: "rdma", policy: remoteOnly}),
	}
}
