package flags

import (
	"slices"

	"github.com/spf13/pflag"

	"github.com/farswap/farswap/internal/cli/usage"
	"github.com/farswap/farswap/verbs/rdma"
)

// RDMANames are the flags that [RDMA.Register] adds.
var RDMANames = []string{"rdma-device", "rdma-port", "rdma-gid", "rdma-mtu"}

// packetSizes are the RDMA MTUs that InfiniBand and RoCE have, in bytes.
var packetSizes = []int{256, 512, 1024, 2048, 4096}

// RDMA holds the flags about the RDMA device, of the commands that page.
type RDMA struct{ config rdma.Config }

// Register adds the flags to a command.
func (o *RDMA) Register(f *pflag.FlagSet) {
	o.config = rdma.DefaultConfig()
	f.StringVar(&o.config.Device, "rdma-device", "", "RDMA device, as rdma dev lists it; that of the address if not given")
	f.IntVar(&o.config.Port, "rdma-port", 0, "port of --rdma-device, from 1; 0 is that of the address")
	f.IntVar(&o.config.GIDIndex, "rdma-gid", o.config.GIDIndex, "index of the port's GID; -1 is that of the address")
	f.IntVar(&o.config.MTU, "rdma-mtu", 0, "largest RDMA packet in bytes: 256, 512, 1024, 2048 or 4096; 0 is what the path allows")
}

// Config returns the values. It refuses those that no device can have.
func (o *RDMA) Config() (*rdma.Config, error) {
	c := o.config
	switch {
	case c.Port < 0 || c.Port > 255:
		return nil, usage.Errorf("--rdma-port %d: want 1 to 255, or 0 for that of the address", c.Port)
	case c.Port != 0 && c.Device == "":
		return nil, usage.Errorf("--rdma-port means nothing without --rdma-device")
	case c.GIDIndex < -1 || c.GIDIndex > 255:
		return nil, usage.Errorf("--rdma-gid %d: want 0 to 255, or -1 for that of the address", c.GIDIndex)
	case c.MTU != 0 && !slices.Contains(packetSizes, c.MTU):
		return nil, usage.Errorf("--rdma-mtu %d: want 256, 512, 1024, 2048 or 4096, or 0 for what the path allows", c.MTU)
	}
	return &c, nil
}
