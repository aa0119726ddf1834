package rdma

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"

	"github.com/farswap/farswap/verbs"
)

// parseGID reads a GID as sysfs writes it: eight groups of four hexadecimal
// digits. A GID that stands for an IPv4 address becomes that address.
func parseGID(text string) (netip.Addr, error) {
	const groups, digits = 8, 4
	parts := strings.Split(text, ":")
	var raw [16]byte
	ok := len(parts) == groups
	for i := 0; ok && i < groups; i++ {
		n, err := hex.Decode(raw[2*i:], []byte(parts[i][:min(len(parts[i]), digits)]))
		ok = err == nil && n == digits/2 && len(parts[i]) == digits
	}
	if !ok {
		return netip.Addr{}, fmt.Errorf("GID %q: want eight groups of four hexadecimal digits: %w", text, verbs.ErrConfig)
	}
	return netip.AddrFrom16(raw).Unmap(), nil
}

// roceHeaders is what the kernel subtracts from a network device's MTU for the
// headers of RoCE (iboe_get_mtu in include/rdma/ib_addr.h): GRH or IP 40, UDP 8,
// BTH 12, XRC 4, AtomicETH 28, ICRC 4.
const roceHeaders = 40 + 8 + 12 + 4 + 28 + 4

// RoCEMTU is the path MTU in bytes that RoCE gets over a network device with
// the given MTU, as the kernel chooses it: 256 to 4096, 0 when not even the
// smallest fits. The device itself can have a lower limit.
func RoCEMTU(netdev int) int {
	for mtu := 4096; mtu >= 256; mtu /= 2 {
		if netdev-roceHeaders >= mtu {
			return mtu
		}
	}
	return 0
}
