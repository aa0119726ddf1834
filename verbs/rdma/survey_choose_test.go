package rdma

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/farswap/farswap/verbs"
)

func TestChoose(t *testing.T) {
	auto := DefaultConfig()
	device := func(name string, port, gid, mtu int) Config {
		return Config{Device: name, Port: port, GIDIndex: gid, MTU: mtu}
	}
	for name, tc := range map[string]struct {
		devices []DeviceInfo
		local   string
		cfg     Config
		want    string // device, port, GID index, kind, netdev, address, MTU
		reason  string // a part of it
	}{
		"v2 before v1":        {mlx5(t), "10.0.0.1", auto, "mlx5_0/1 3 RoCE v2 eth0 10.0.0.1 4096", "GID 3 is that of 10.0.0.1"},
		"mapped":              {mlx5(t), "::ffff:10.0.0.1", auto, "mlx5_0/1 3 RoCE v2 eth0 10.0.0.1 4096", ""},
		"VLAN":                {mlx5(t), "10.0.7.1", auto, "mlx5_0/1 4 RoCE v2 eth0.7 10.0.7.1 1024", ""},
		"link-local":          {mlx5(t), "fe80::1%eth0", auto, "mlx5_0/1 1 RoCE v2 eth0 fe80::1%eth0 4096", ""},
		"link-local, VLAN":    {mlx5(t), "fe80::1%eth0.7", auto, "mlx5_0/1 5 RoCE v2 eth0.7 fe80::1%eth0.7 1024", ""},
		"GID asked for":       {mlx5(t), "10.0.0.1", device("", 0, 2, 0), "mlx5_0/1 2 RoCE v1 eth0 10.0.0.1 4096", "of RoCE v1"},
		"device asked for":    {mlx5(t), "10.0.0.1", device("mlx5_0", 1, -1, 0), "mlx5_0/1 3 RoCE v2 eth0 10.0.0.1 4096", ", as asked for"},
		"MTU asked for":       {mlx5(t), "10.0.0.1", device("", 0, -1, 512), "mlx5_0/1 3 RoCE v2 eth0 10.0.0.1 512", ""},
		"MTU too large":       {mlx5(t), "10.0.7.1", device("", 0, -1, 4096), "mlx5_0/1 4 RoCE v2 eth0.7 10.0.7.1 1024", ""},
		"every address":       {mlx5(t), "0.0.0.0", auto, "mlx5_0/1 3 RoCE v2 eth0 10.0.0.1 4096", ""},
		"every IPv6 address":  {mlx5(t), "::", auto, "mlx5_0/1 1 RoCE v2 eth0 fe80::1%eth0 4096", ""},
		"any address at all":  {mlx5(t), "", auto, "mlx5_0/1 3 RoCE v2 eth0 10.0.0.1 4096", ""},
		"every address, GID":  {mlx5(t), "0.0.0.0", device("", 0, 4, 0), "mlx5_0/1 4 RoCE v2 eth0.7 10.0.7.1 1024", ""},
		"rxe":                 {rxe(t), "10.9.0.1", auto, "rxe0/1 1 RoCE v2 d0 10.9.0.1 1024", ""},
		"siw":                 {siw(t), "10.8.0.1", auto, "siw0/1 0 iWARP eth9 10.8.0.1 0", "eth9 below this port has 10.8.0.1"},
		"siw, MTU":            {siw(t), "10.8.0.1", device("siw0", 0, -1, 256), "siw0/1 0 iWARP eth9 10.8.0.1 0", ""},
		"InfiniBand":          {infiniBand(t), "10.7.1.1", auto, "mlx4_0/2 0 InfiniBand ib1 10.7.1.1 0", "IPoIB device ib1"},
		"InfiniBand, MTU":     {infiniBand(t), "10.7.0.1", device("", 0, -1, 2048), "mlx4_0/1 0 InfiniBand ib0 10.7.0.1 2048", ""},
		"InfiniBand, a port":  {infiniBand(t), "", device("mlx4_0", 2, -1, 0), "mlx4_0/2 0 InfiniBand ib1 10.7.1.1 0", ""},
		"several, the second": {append(mlx5(t), rxe(t)...), "10.9.0.1", auto, "rxe0/1 1 RoCE v2 d0 10.9.0.1 1024", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var local netip.Addr
			if tc.local != "" {
				local = netip.MustParseAddr(tc.local)
			}
			c, err := Choose(tc.devices, local, tc.cfg)
			got := fmt.Sprintf("%s/%d %d %s %s %s %d", c.Device, c.Port, c.GID.Index, c.Kind, c.Netdev, c.Local, c.MTU)
			if err != nil || got != tc.want || !strings.Contains(c.Reason, tc.reason) {
				t.Errorf("got %s, %q, %v, want %s, %q", got, c.Reason, err, tc.want, tc.reason)
			}
		})
	}
}

func TestChooseRefuses(t *testing.T) {
	bare := rxe(t)
	bare[0].Ports[0].GIDs = nil
	small := rxe(t)
	small[0].Ports[0].Netdevs[0].MTU = 300
	for name, tc := range map[string]struct {
		devices []DeviceInfo
		local   string
		cfg     Config
		want    error
		parts   string
	}{
		"no device":       {nil, "10.0.0.1", DefaultConfig(), verbs.ErrUnavailable, "no RDMA device|rdma link add"},
		"other address":   {mlx5(t), "10.9.9.9", DefaultConfig(), verbs.ErrUnavailable, "10.9.9.9 belongs to no RDMA device|10.0.0.1 (mlx5_0 port 1)|10.0.7.1"},
		"loopback":        {rxe(t), "127.0.0.1", DefaultConfig(), verbs.ErrUnavailable, "127.0.0.1|10.9.0.1 (rxe0 port 1)"},
		"wrong zone":      {mlx5(t), "fe80::1%eth1", DefaultConfig(), verbs.ErrUnavailable, "fe80::1%eth1 belongs"},
		"port down":       {mlx5(t), "10.0.1.1", DefaultConfig(), verbs.ErrUnavailable, "mlx5_1|DOWN (Disabled)|ip link set eth1 up"},
		"no IPv6 address": {infiniBand(t), "::", DefaultConfig(), verbs.ErrUnavailable, "no RDMA device has any IPv6 address|10.7.0.1"},
		"GID of IPv4":     {mlx5(t), "::", Config{GIDIndex: 3}, verbs.ErrConfig, "GID 3 does not belong to any IPv6 address|1 (mlx5_0 port 1)"},
		"no address":      {bare, "0.0.0.0", DefaultConfig(), verbs.ErrUnavailable, "no port of rxe0 has an address|ip addr add"},
		"MTU":             {small, "10.9.0.1", DefaultConfig(), verbs.ErrUnavailable, "MTU of d0 is 300|352"},
		"unknown device":  {mlx5(t), "10.0.0.1", Config{Device: "rxe0", GIDIndex: -1}, verbs.ErrConfig, `"rxe0"|mlx5_0, mlx5_1`},
		"unknown port":    {mlx5(t), "10.0.0.1", Config{Device: "mlx5_0", Port: 2, GIDIndex: -1}, verbs.ErrConfig, "no port 2"},
		"other device":    {mlx5(t), "10.0.0.1", Config{Device: "mlx5_1", GIDIndex: -1}, verbs.ErrUnavailable, "10.0.0.1 belongs to no|10.0.1.1 (mlx5_1 port 1, DOWN (Disabled))"},
		"GID of another":  {mlx5(t), "10.0.0.1", Config{GIDIndex: 4}, verbs.ErrConfig, "GID 4 does not belong to 10.0.0.1|2 (mlx5_0 port 1), 3 (mlx5_0 port 1)"},
		"port, no device": {mlx5(t), "10.0.0.1", Config{Port: 1, GIDIndex: -1}, verbs.ErrConfig, "without a device"},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := Choose(tc.devices, netip.MustParseAddr(tc.local), tc.cfg)
			if !errors.Is(err, tc.want) {
				t.Fatalf("got %+v, %v, want %v", c, err, tc.want)
			}
			for part := range strings.SplitSeq(tc.parts, "|") {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q lacks %q", err, part)
				}
			}
		})
	}
}

// TestChooseTellsTheTruth: whatever is chosen exists, is active, and has the address.
func TestChooseTellsTheTruth(t *testing.T) {
	all := append(append(append(mlx5(t), rxe(t)...), siw(t)...), infiniBand(t)...)
	addresses := []string{"", "::", "0.0.0.0", "10.0.0.1", "10.0.7.1", "10.0.1.1", "10.9.0.1", "10.8.0.1", "10.8.1.1", "10.7.0.1", "fe80::1", "127.0.0.1"}
	rapid.Check(t, func(t *rapid.T) {
		devices := rapid.Permutation(all).Draw(t, "devices")[:rapid.IntRange(0, len(all)).Draw(t, "n")]
		var local netip.Addr
		if text := rapid.SampledFrom(addresses).Draw(t, "local"); text != "" {
			local = netip.MustParseAddr(text)
		}
		cfg := Config{
			Device:   rapid.SampledFrom([]string{"", "mlx5_0", "rxe0"}).Draw(t, "device"),
			GIDIndex: rapid.IntRange(-1, 5).Draw(t, "gid"),
		}
		c, err := Choose(devices, local, cfg)
		if err != nil {
			if !errors.Is(err, verbs.ErrUnavailable) && !errors.Is(err, verbs.ErrConfig) {
				t.Fatalf("untyped: %v", err)
			}
			return
		}
		for _, d := range devices {
			for _, p := range d.Ports {
				if d.Name != c.Device || p.Port != c.Port {
					continue
				}
				if !p.Active() || c.Reason == "" || cfg.GIDIndex >= 0 && c.GID.Index != cfg.GIDIndex || cfg.Device != "" && c.Device != cfg.Device {
					t.Fatalf("got %+v", c)
				}
				for _, n := range p.Netdevs {
					for _, a := range n.Addresses {
						if n.Name == c.Netdev && a == c.Local.WithZone("") {
							return
						}
					}
				}
			}
		}
		t.Fatalf("got %+v, which is not there", c)
	})
}
