package doctor

import (
	"bytes"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/farswap/farswap/internal/machine"
	"github.com/farswap/farswap/verbs/rdma"
)

func text(t *testing.T, e examination) string {
	t.Helper()
	var out bytes.Buffer
	if err := writeExamination(&out, e); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestDoctorText(t *testing.T) {
	s := healthy(t)
	e := s.mustExamine()
	var err error
	if e.For, err = e.wayTo(t.Context(), s.Machine, "mem1", rdma.DefaultConfig()); err != nil {
		t.Fatal(err)
	}
	requireLines(t, text(t, e), []string{
		"STATE CHECK FOUND",
		"ok farswapd /usr/bin/farswapd, of the same build",
		"ok kernel 6.12.117+deb12-amd64, 6.5 or newer is needed",
		"ok ublk the driver answers, with user-recovery",
		"ok io_uring works",
		"ok capabilities SYS_ADMIN SYS_RESOURCE IPC_LOCK",
		"ok I/O flusher allowed",
		"ok size 31.2G",
		"ok locked memory unlimited",
		"ok huge pages transparent ones are used (madvise)",
		"ok reserve vm.min_free_kbytes is 256M",
		"ok real-time allowed",
		"ok sleep the kernel has no way to sleep",
		"ok probes hooks do_swap_page block_rq_issue",
		"ok rxe0 port 1 ACTIVE, 2.5 Gb/sec (1X SDR), by /dev/infiniband/uverbs0",
		"ok rdma_cm /dev/infiniband/rdma_cm",
		"ok libibverbs finds a device",
		"",
		"RDMA DEVICE DRIVER PORT STATE LINK GID ADDRESS TYPE NETDEV MTU RDMA MTU",
		"rxe0 rxe 1 ACTIVE Ethernet 0 10.9.0.1 RoCE v2 d0 4200 4096",
		"",
		"TO mem1:9400 10.9.0.2:9400, not contacted",
		"route from 10.9.0.1 on d0",
		"RDMA rxe0 port 1, GID 0, RoCE v2, MTU 4096: GID 0 is that of 10.9.0.1",
		"auto rdma: if the donor offers it and answers, else tcp",
		"",
		"A device can be served here, over rdma and tcp.",
	})
}

// TestDoctorTextOfDevice: a device that is insisted on is used from its own address.
func TestDoctorTextOfDevice(t *testing.T) {
	s := healthy(t)
	e := s.mustExamine()
	var err error
	if e.For, err = e.wayTo(t.Context(), s.Machine, "127.0.0.1", rdma.Config{Device: "rxe0", GIDIndex: 0}); err != nil {
		t.Fatal(err)
	}
	requireTail(t, text(t, e),
		"TO 127.0.0.1:9400 not contacted",
		"route from 127.0.0.1 on lo",
		"RDMA rxe0 port 1, GID 0, RoCE v2 from 10.9.0.1, MTU 4096: GID 0 is that of 10.9.0.1, as asked for",
		"auto rdma: if the donor offers it and answers, else tcp",
		"",
		"A device can be served here, over rdma and tcp.")
}

func TestDoctorTextWithout(t *testing.T) {
	s := healthy(t)
	s.remove("sys/class/infiniband")
	s.Release = "5.10.0"
	e := s.mustExamine()
	requireTail(t, text(t, e),
		"missing RDMA device none → load the network card's driver; to try it without, modprobe rdma_rxe; rdma link add rxe0 type rxe netdev NETDEV",
		"ok rdma_cm /dev/infiniband/rdma_cm",
		"ok libibverbs finds a device",
		"", "No device can be served here. A donor can: it needs memory that it may lock, and over TCP nothing else.")
	e.Checks[1].State, e.Device = machine.OK, true
	requireTail(t, text(t, e), "", "A device can be served here, over tcp. Not over rdma: RDMA device: none.")
}

// TestDoctorTextWithoutServer: without farswapd nothing is served, however fit the machine is.
func TestDoctorTextWithoutServer(t *testing.T) {
	missing := goodServer
	missing.State, missing.Found = machine.Missing, "cannot find farswapd"
	e, err := examine(healthy(t).Machine, missing)
	if err != nil || e.Device || !errors.Is(e.unfit(), errUnfit) {
		t.Errorf("%v, device %v, %v", err, e.Device, e.unfit())
	}
	requireTail(t, text(t, e), "", "Neither a device nor a donor can be served here: cannot find farswapd.")
	missing.State = machine.Warn
	if e, err = examine(healthy(t).Machine, missing); err != nil || !e.Device {
		t.Errorf("%v, device %v", err, e.Device)
	}
	requireTail(t, text(t, e), "", "A device can be served here, over rdma and tcp.")
}

// TestDoctorTextOfOtherLinks: iWARP and InfiniBand have addresses apart from GIDs.
func TestDoctorTextOfOtherLinks(t *testing.T) {
	netdev := func(name, address string) []rdma.NetdevInfo {
		return []rdma.NetdevInfo{{Name: name, MTU: 1500, Addresses: []netip.Addr{netip.MustParseAddr(address)}}}
	}
	gids := []rdma.GIDInfo{{GID: netip.MustParseAddr("fe80::2"), Type: rdma.GIDRoCEv1}}
	e := healthy(t).mustExamine()
	e.RDMA = []rdma.DeviceInfo{
		{Name: "siw0", NodeType: rdma.NodeRNIC, Driver: "siw", Ports: []rdma.PortInfo{{Port: 1, State: "ACTIVE", LinkLayer: rdma.LinkEthernet, Netdevs: netdev("eth0", "10.8.0.1"), GIDs: gids}}},
		{Name: "mlx4_0", NodeType: rdma.NodeCA, Ports: []rdma.PortInfo{
			{Port: 1, State: "ACTIVE", LinkLayer: rdma.LinkInfiniBand, Netdevs: netdev("ib0", "10.7.0.1"), GIDs: gids},
			{Port: 2, State: "DOWN", LinkLayer: rdma.LinkInfiniBand},
		}},
	}
	e.For = &way{
		Donor: "10.7.0.2:9400", Address: netip.MustParseAddrPort("10.7.0.2:9400"), Local: netip.MustParseAddr("10.7.0.1"), Netdev: "ib0",
		RDMA:      &rdma.Choice{Device: "mlx4_0", Port: 1, Kind: rdma.KindInfiniBand, Local: netip.MustParseAddr("10.7.0.1"), Reason: "why"},
		Transport: transportRDMA, Reason: "then",
	}
	requireTail(t, text(t, e),
		"RDMA DEVICE DRIVER PORT STATE LINK GID ADDRESS TYPE NETDEV MTU RDMA MTU",
		"siw0 siw 1 ACTIVE iWARP 0 fe80::2 - - - -",
		"- 10.8.0.1 - eth0 1500 -",
		"mlx4_0 - 1 ACTIVE InfiniBand 0 fe80::2 - - - -",
		"- 10.7.0.1 - ib0 1500 -",
		"mlx4_0 - 2 DOWN InfiniBand - - - - - -",
		"",
		"TO 10.7.0.2:9400 not contacted",
		"route from 10.7.0.1 on ib0",
		"RDMA mlx4_0 port 1, GID 0, InfiniBand, MTU of the path: why",
		"auto rdma: then",
		"",
		"A device can be served here, over rdma and tcp.")
}

// requireTail compares the last lines.
func requireTail(t *testing.T, got string, want ...string) {
	t.Helper()
	lines := bytes.SplitAfter([]byte(got), []byte("\n"))
	lines = lines[:len(lines)-1] // what follows the last end of line
	requireLines(t, string(bytes.Join(lines[max(0, len(lines)-len(want)):], nil)), want)
}

// requireLines compares line by line, whatever the columns' widths.
func requireLines(t *testing.T, got string, want []string) {
	t.Helper()
	var lines []string
	for line := range strings.SplitSeq(strings.TrimSuffix(got, "\n"), "\n") {
		lines = append(lines, strings.Join(strings.Fields(line), " "))
	}
	for i := range max(len(lines), len(want)) {
		g, w := "(none)", "(none)"
		if i < len(lines) {
			g = lines[i]
		}
		if i < len(want) {
			w = want[i]
		}
		if g != w {
			t.Errorf("line %d: got %q, want %q", i+1, g, w)
		}
	}
}
