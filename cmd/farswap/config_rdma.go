package main

import (
	"github.com/spf13/pflag"

	"github.com/farswap/farswap/verbs/rdma"
)

// rdmaOptions are the flags about the RDMA device, of the commands that page.
type rdmaOptions struct{ config rdma.Config }

// flags adds them to a command.
func (o *rdmaOptions) flags(f *pflag.FlagSet) {
	o.config = rdma.DefaultConfig()
	f.StringVar(&o.config.Device, "rdma-device", "", "RDMA device, as `rdma dev` lists it; that of the address if not given")
	f.IntVar(&o.config.Port, "rdma-port", 0, "port of --rdma-device, from 1; 0 is that of the address")
	f.IntVar(&o.config.GIDIndex, "rdma-gid", o.config.GIDIndex, "index of the port's GID; -1 is that of the address")
	f.IntVar(&o.config.MTU, "rdma-mtu", 0, "largest RDMA packet in bytes: 256, 512, 1024, 2048 or 4096; 0 is what the path allows")
}

// check refuses what no device can have.
func (o *rdmaOptions) check() (*rdma.Config, error) {
	c := o.config
	switch {
	case c.Port < 0 || c.Port > 255:
		return nil, usage("--rdma-port %d: want 1 to 255, or 0 for that of the address", c.Port)
	case c.Port != 0 && c.Device == "":
		return nil, usage("--rdma-port means nothing without --rdma-device")
	case c.GIDIndex < -1 || c.GIDIndex > 255:
		return nil, usage("--rdma-gid %d: want 0 to 255, or -1 for that of the address", c.GIDIndex)
	}
	switch c.MTU {
	case 0, 256, 512, 1024, 2048, 4096:
		return &c, nil
	}
	return nil, usage("--rdma-mtu %d: want 256, 512, 1024, 2048 or 4096, or 0 for what the path allows", c.MTU)
}
