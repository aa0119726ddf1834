package doctor

import (
	"github.com/farswap/farswap/internal/machine"
)

// checkSleep is about suspend and hibernation while a device is swap.
func checkSleep(m *machine.Machine) check {
	s := m.Sleeping()
	c := check{Area: areaMemory, Name: "sleep", State: s.State}
	switch {
	case s.Ways == "":
		c.Found = "the kernel has no way to sleep"
	case s.Held:
		c.Found = "held off by a server, whose device is swap"
	case s.Swap:
		c.Found = "a device is swap, and nothing keeps this machine from sleeping: suspend then fails while a program pages, and hibernation hangs"
		c.Advice = "systemctl mask sleep.target suspend.target hibernate.target hybrid-sleep.target"
	case s.Logind:
		c.Found = "logind holds it off while a device is swap"
	default:
		c.Found = "without logind a server cannot hold it off: do not suspend or hibernate while a device is swap"
	}
	return c
}
