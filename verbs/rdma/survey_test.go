package rdma

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/farswap/farswap/verbs"
)

// fakeSys is a sysfs made for a test.
type fakeSys struct {
	t    *testing.T
	root string
}

func newFakeSys(t *testing.T) fakeSys { return fakeSys{t, t.TempDir()} }

func (f fakeSys) write(path, content string) {
	f.t.Helper()
	full := filepath.Join(f.root, path)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		f.t.Fatal(err)
	}
	if err := os.WriteFile(full, []byte(content+"\n"), 0o600); err != nil {
		f.t.Fatal(err)
	}
}

func (f fakeSys) link(path, target string) {
	f.t.Helper()
	full := filepath.Join(f.root, path)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		f.t.Fatal(err)
	}
	if err := os.Symlink(target, full); err != nil {
		f.t.Fatal(err)
	}
}

func (f fakeSys) netdev(name, mtu, address string) {
	f.write("class/net/"+name+"/mtu", mtu)
	f.write("class/net/"+name+"/address", address)
}

// device makes a device with a driver, if its name is given.
func (f fakeSys) device(name, nodeType, driver string) string {
	dir := "class/infiniband/" + name
	f.write(dir+"/node_type", nodeType)
	f.write(dir+"/fw_ver", "")
	if driver != "" {
		f.link(dir+"/device/driver", "../../bus/pci/drivers/"+driver)
	}
	return dir
}

// port makes a port; a GID is given as INDEX GID|TYPE|NETDEV, as in the tables of
// a real machine. Entries 0 to 5 exist.
func (f fakeSys) port(dir string, port int, state, phys, layer string, gids ...string) {
	base := fmt.Sprintf("%s/ports/%d", dir, port)
	f.write(base+"/state", state)
	f.write(base+"/phys_state", phys)
	f.write(base+"/link_layer", layer)
	f.write(base+"/rate", "100 Gb/sec (4X EDR)")
	for i := range 6 {
		f.write(fmt.Sprintf("%s/gids/%d", base, i), "0000:0000:0000:0000:0000:0000:0000:0000")
	}
	for _, g := range gids {
		index, rest, _ := strings.Cut(g, " ")
		parts := strings.Split(rest, "|")
		f.write(base+"/gids/"+index, gidText(netip.MustParseAddr(parts[0])))
		f.write(base+"/gid_attrs/types/"+index, parts[1])
		if parts[2] != "" {
			f.write(base+"/gid_attrs/ndevs/"+index, parts[2])
		}
	}
}

// survey reads the fake with the addresses of its network devices.
func (f fakeSys) survey(addresses map[string]string) []DeviceInfo {
	f.t.Helper()
	devices, err := survey(sysfs{root: f.root, addresses: func(netdev string) []netip.Addr {
		var all []netip.Addr
		for a := range strings.FieldsSeq(addresses[netdev]) {
			all = append(all, netip.MustParseAddr(a))
		}
		return all
	}})
	if err != nil {
		f.t.Fatal(err)
	}
	return devices
}

const (
	active  = "4: ACTIVE"
	down    = "1: DOWN"
	linkUp  = "5: LinkUp"
	offPhys = "3: Disabled"
)

// mlx5 is a card with a port for each of two devices, the first with a VLAN and the
// second without a link.
func mlx5(t *testing.T) []DeviceInfo {
	f := newFakeSys(t)
	for i, name := range []string{"mlx5_0", "mlx5_1"} {
		dir := f.device(name, "1: CA", "mlx5_core")
		f.write(dir+"/fw_ver", "22.36.1010")
		f.write(dir+"/board_id", "MT_0000000359")
		f.write(fmt.Sprintf("class/infiniband_verbs/uverbs%d/ibdev", i), name)
	}
	f.write("class/infiniband_verbs/abi_version", "6")
	f.port("class/infiniband/mlx5_0", 1, active, linkUp, LinkEthernet,
		"0 fe80::1|"+GIDRoCEv1+"|eth0", "1 fe80::1|"+GIDRoCEv2+"|eth0",
		"2 ::ffff:10.0.0.1|"+GIDRoCEv1+"|eth0", "3 ::ffff:10.0.0.1|"+GIDRoCEv2+"|eth0",
		"4 ::ffff:10.0.7.1|"+GIDRoCEv2+"|eth0.7", "5 fe80::1|"+GIDRoCEv2+"|eth0.7")
	f.port("class/infiniband/mlx5_1", 1, down, offPhys, LinkEthernet, "0 ::ffff:10.0.1.1|"+GIDRoCEv2+"|eth1")
	f.netdev("eth0", "9000", "02:00:00:00:00:01")
	f.netdev("eth0.7", "1500", "02:00:00:00:00:01")
	f.netdev("eth1", "1500", "02:00:00:00:00:02")
	return f.survey(map[string]string{"eth0": "10.0.0.1 fe80::1", "eth0.7": "10.0.7.1 fe80::1", "eth1": "10.0.1.1"})
}

// rxe is soft-RoCE, as it was seen in the virtual machine.
func rxe(t *testing.T) []DeviceInfo {
	f := newFakeSys(t)
	dir := f.device("rxe0", "1: CA", "")
	f.write(dir+"/parent", "d0")
	f.port(dir, 1, active, linkUp, LinkEthernet, "0 fe80::2|"+GIDRoCEv2+"|d0", "1 ::ffff:10.9.0.1|"+GIDRoCEv2+"|d0")
	f.netdev("d0", "1500", "02:00:00:00:00:03")
	return f.survey(map[string]string{"d0": "10.9.0.1 fe80::2"})
}

// siw is software iWARP over a card whose driver is another.
func siw(t *testing.T) []DeviceInfo {
	f := newFakeSys(t)
	dir := f.device("siw0", "4: RNIC", "virtio-pci")
	f.write(dir+"/node_desc", siwDescription)
	f.port(dir, 1, active, linkUp, LinkEthernet, "0 200:0:4::|"+GIDRoCEv1+"|")
	f.netdev("eth9", "1500", "02:00:00:00:00:04")
	f.netdev("other", "1500", "02:00:00:00:00:05")
	return f.survey(map[string]string{"eth9": "10.8.0.1", "other": "10.8.1.1"})
}

// infiniBand is an adapter with two ports and IPoIB on both.
func infiniBand(t *testing.T) []DeviceInfo {
	f := newFakeSys(t)
	dir := f.device("mlx4_0", "1: CA", "mlx4_core")
	f.port(dir, 1, active, linkUp, LinkInfiniBand, "0 fe80::2:c903:0:1|"+GIDRoCEv1+"|")
	f.port(dir, 2, active, linkUp, LinkInfiniBand, "0 fe80::2:c903:0:2|"+GIDRoCEv1+"|")
	f.netdev("ib0", "2044", "80:00:02:08:fe:80:00:00:00:00:00:00:00:02:c9:03:00:00:00:01")
	f.netdev("ib1", "65520", "80:00:02:09:fe:80:00:00:00:00:00:00:00:02:c9:03:00:00:00:02")
	return f.survey(map[string]string{"ib0": "10.7.0.1", "ib1": "10.7.1.1"})
}

func netdevs(p PortInfo) string {
	var all []string
	for _, n := range p.Netdevs {
		all = append(all, fmt.Sprintf("%s %d %v", n.Name, n.MTU, n.Addresses))
	}
	return strings.Join(all, ", ")
}

func TestSurvey(t *testing.T) {
	for name, tc := range map[string]struct {
		devices []DeviceInfo
		want    []string // name, type, driver, node; then for each port its state, layer, GIDs and netdevs
	}{
		"mlx5": {mlx5(t), []string{
			"mlx5_0 CA mlx5_core uverbs0 22.36.1010 MT_0000000359",
			"1 ACTIVE LinkUp Ethernet 6: eth0 9000 [10.0.0.1 fe80::1], eth0.7 1500 [10.0.7.1 fe80::1]",
			"mlx5_1 CA mlx5_core uverbs1 22.36.1010 MT_0000000359",
			"1 DOWN Disabled Ethernet 1: eth1 1500 [10.0.1.1]",
		}},
		"rxe": {rxe(t), []string{"rxe0 CA rxe   ", "1 ACTIVE LinkUp Ethernet 2: d0 1500 [10.9.0.1 fe80::2]"}},
		"siw": {siw(t), []string{"siw0 RNIC siw   ", "1 ACTIVE LinkUp Ethernet 1: eth9 1500 [10.8.0.1]"}},
		"InfiniBand": {infiniBand(t), []string{
			"mlx4_0 CA mlx4_core   ",
			"1 ACTIVE LinkUp InfiniBand 1: ib0 2044 [10.7.0.1]",
			"2 ACTIVE LinkUp InfiniBand 1: ib1 65520 [10.7.1.1]",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, d := range tc.devices {
				got = append(got, strings.Join([]string{d.Name, d.NodeType, d.Driver, d.Verbs, d.Firmware, d.Board}, " "))
				for _, p := range d.Ports {
					got = append(got, fmt.Sprintf("%d %s %s %s %d: %s", p.Port, p.State, p.PhysState, p.LinkLayer, len(p.GIDs), netdevs(p)))
				}
			}
			if !reflect.DeepEqual(got, tc.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tc.want, "\n"))
			}
		})
	}
}

func TestSurveyGIDs(t *testing.T) {
	got := rxe(t)[0].Ports[0].GIDs
	want := []GIDInfo{
		{0, netip.MustParseAddr("fe80::2"), GIDRoCEv2, "d0"},
		{1, netip.MustParseAddr("10.9.0.1"), GIDRoCEv2, "d0"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestSurveyPortNetdev: a port whose GID table says nothing, on a card that has
// one PCI function for both ports.
func TestSurveyPortNetdev(t *testing.T) {
	f := newFakeSys(t)
	dir := f.device("mlx4_1", "1: CA", "mlx4_core")
	for i, name := range []string{"eth0", "eth1"} {
		f.port(dir, i+1, down, offPhys, LinkEthernet)
		f.write(dir+"/device/net/"+name+"/dev_port", fmt.Sprint(i))
		f.write("class/net/"+name+"/dev_port", fmt.Sprint(i))
	}
	for i, p := range f.survey(nil)[0].Ports {
		if got, want := netdevs(p), fmt.Sprintf("eth%d 0 []", i); got != want {
			t.Errorf("port %d: got %s, want %s", p.Port, got, want)
		}
	}
}

func TestSurveyWithoutRDMA(t *testing.T) {
	root := t.TempDir()
	if devices, err := Survey(root); err != nil || devices != nil {
		t.Errorf("got %v, %v", devices, err)
	}
	if err := os.MkdirAll(root+"/sys/class", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(root+"/sys/class/infiniband", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if devices, err := Survey(root); !errors.Is(err, verbs.ErrUnavailable) {
		t.Errorf("a file: got %v, %v", devices, err)
	}
}

// TestSurveyHere reads the machine it runs on, whatever that has.
func TestSurveyHere(t *testing.T) {
	devices, err := Survey("/")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range devices {
		if d.Name == "" || d.NodeType == "" || len(d.Ports) == 0 {
			t.Errorf("got %+v", d)
		}
	}
}
