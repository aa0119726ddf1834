package doctor

import (
	"strings"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/internal/cli/command"
)

// checkProbes is about measuring latency in the kernel, which a device does without if
// need be.
func (m *machine) checkProbes() check {
	c := check{Area: areaProbes, Name: "probes", State: checkOK}
	hooks, missing, err := m.probes()
	if err != nil {
		c.State, c.Found, c.Advice = checkWarn, command.OneLine(err), "latency will not be measured in the kernel; a kernel of a distribution has BTF"
		return c
	}
	c.Found = "hooks " + strings.Join(hooks, " ")
	for _, lack := range missing {
		c.State = checkWarn
		c.Found += "; no " + string(lack.Source) + ": " + lack.Why.Error()
	}
	if m.capable(unix.CAP_SYS_ADMIN) || m.capable(unix.CAP_BPF) && m.capable(unix.CAP_PERFMON) {
		return c
	}
	c.State, c.Found = checkWarn, c.Found+"; without CAP_BPF and CAP_PERFMON"
	c.Advice = m.asRoot("give them (systemd AmbientCapabilities=, container --cap-add)")
	return c
}
