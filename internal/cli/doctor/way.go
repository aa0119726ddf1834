package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/farswap/farswap/internal/cli/command"
	"github.com/farswap/farswap/internal/cli/usage"
	"github.com/farswap/farswap/internal/machine"
	"github.com/farswap/farswap/verbs"
	"github.com/farswap/farswap/verbs/rdma"
)

// defaultControlPort is that of `farswap donor`.
const defaultControlPort = "9400"

// Transports of pages.
const (
	transportRDMA = "rdma"
	transportTCP  = "tcp"
)

// way is how a device of this machine would reach a donor.
type way struct {
	Donor     string         `json:"donor"`
	Address   netip.AddrPort `json:"address"` // what its name resolves to
	Local     netip.Addr     `json:"local"`
	Netdev    string         `json:"netdev"`
	RDMA      *rdma.Choice   `json:"rdma,omitempty"`
	NoRDMA    string         `json:"no_rdma,omitempty"` // why RDMA has no way there
	Transport string         `json:"transport"`         // of --transport auto
	Reason    string         `json:"reason"`
}

// findWay finds the way to a donor without contacting it.
func findWay(ctx context.Context, m *machine.Machine, donor string, devices []rdma.DeviceInfo, config rdma.Config) (*way, error) {
	host, port := splitDonor(donor)
	number, err := net.DefaultResolver.LookupPort(ctx, "tcp", port)
	if err != nil {
		return nil, usage.Errorf("--for %q: want HOST or HOST:PORT", donor)
	}
	addresses, err := m.Lookup(ctx, host)
	if err != nil {
		return nil, fmt.Errorf("--for %s: %w: give its address, or a name that this machine resolves", donor, err)
	}
	w := &way{Donor: net.JoinHostPort(host, port)}
	var from machine.Source
	for _, a := range addresses {
		w.Address = netip.AddrPortFrom(a.Unmap(), uint16(number))
		if from, err = m.Route(w.Address); err == nil {
			break
		}
	}
	if err != nil {
		return nil, fmt.Errorf("--for %s: no route: %w", donor, err)
	}
	w.Local, w.Netdev = from.Address, from.Netdev
	choice, err := rdma.Choose(devices, rdmaSource(from.Address, config), config)
	switch {
	case err == nil:
		w.RDMA = &choice
	case errors.Is(err, verbs.ErrConfig):
		return nil, usage.Errorf("--for %s: %w", donor, err)
	default:
		w.NoRDMA = strings.TrimPrefix(command.OneLine(err), verbs.ErrUnavailable.Error()+": ")
	}
	return w, nil
}

// rdmaSource is the address that RDMA would send from. It is that of the route. If the flags
// name a device or a GID it is any address of the family, as in package rdma.
func rdmaSource(route netip.Addr, config rdma.Config) netip.Addr {
	switch {
	case config.Device == "" && config.GIDIndex < 0:
		return route
	case route.Is4():
		return netip.IPv4Unspecified()
	default:
		return netip.IPv6Unspecified()
	}
}

// decide says what --transport auto takes. blocks is the check that keeps this machine from
// RDMA, nil if nothing does.
func (w *way) decide(blocks *check) {
	switch {
	case w.RDMA == nil:
		w.Transport, w.Reason = transportTCP, "there is no way by RDMA"
	case blocks != nil:
		w.Transport, w.Reason = transportTCP, fmt.Sprintf("RDMA cannot be used: %s: %s", blocks.Name, blocks.Found)
	default:
		w.Transport, w.Reason = transportRDMA, "if the donor offers it and answers, else tcp"
	}
}

// splitDonor reads HOST, HOST:PORT, ADDRESS, [ADDRESS]:PORT, and dns:HOST:PORT, as `ublk add --donor` does.
func splitDonor(donor string) (host, port string) {
	donor = strings.TrimPrefix(donor, "dns:")
	if _, err := netip.ParseAddr(donor); err == nil {
		return donor, defaultControlPort
	}
	if host, port, err := net.SplitHostPort(donor); err == nil {
		return host, port
	}
	return strings.Trim(donor, "[]"), defaultControlPort
}
