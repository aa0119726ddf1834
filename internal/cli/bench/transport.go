package bench

import "github.com/farswap/farswap/control"

// Values of --transport.
const (
	transportAuto = "auto"
	transportRDMA = "rdma"
	transportTCP  = "tcp"
)

// verbsSlab is the memory borrowed, in bytes: the smallest slab there is.
const verbsSlab = control.MinSlab
