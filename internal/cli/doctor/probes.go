package doctor

import (
	"strings"

	"github.com/farswap/farswap/internal/cli/command"
	"github.com/farswap/farswap/internal/machine"
)

// checkProbes is about measuring latency in the kernel.
func checkProbes(m *machine.Machine) check {
	p := m.Probes()
	c := check{Area: areaProbes, Name: "probes", State: p.State}
	if p.Err != nil {
		c.Found, c.Advice = command.OneLine(p.Err), "latency will not be measured in the kernel; a kernel of a distribution has BTF"
		return c
	}
	c.Found = "hooks " + strings.Join(p.Hooks, " ")
	for _, lack := range p.Missing {
		c.Found += "; no " + string(lack.Source) + ": " + lack.Why.Error()
	}
	if !p.Allowed {
		c.Found += "; without CAP_BPF and CAP_PERFMON"
		c.Advice = asRoot(m, "give them (systemd AmbientCapabilities=, container --cap-add)")
	}
	return c
}
