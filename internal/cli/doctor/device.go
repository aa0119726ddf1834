package doctor

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/internal/cli/command"
	"github.com/farswap/farswap/internal/machine"
	"github.com/farswap/farswap/ublk"
)

// deviceChecks are about what serving a device takes, whatever the transport.
func deviceChecks(m *machine.Machine) []check {
	return []check{checkKernel(m), checkUblk(m), checkRing(m), checkCapabilities(m), checkFlusher(m)}
}

func checkKernel(m *machine.Machine) check {
	c := check{Area: areaDevice, Name: "kernel", State: m.Kernel()}
	c.Found = fmt.Sprintf("%s, %d.%d or newer is needed", m.Release, machine.NeedMajor, machine.NeedMinor)
	switch c.State {
	case machine.Warn:
		c.Advice = "cannot tell its version"
	case machine.Missing:
		c.Advice = "install a newer one (a donor runs on any)"
	}
	return c
}

func checkUblk(m *machine.Machine) check {
	c := check{Area: areaDevice, Name: "ublk"}
	state, flags, err := m.Driver()
	c.State = state
	switch {
	case err == nil:
		c.Found = "the driver answers, " + features(flags)
	case errors.Is(err, ublk.ErrNoDriver):
		c.Found, c.Advice = "no /dev/ublk-control", "modprobe ublk_drv"
	case errors.Is(err, ublk.ErrPermission):
		c.Found, c.Advice = "no permission for /dev/ublk-control", asRoot(m, "give CAP_SYS_ADMIN and the node (container --device)")
	default:
		c.Found = command.OneLine(err)
	}
	return c
}

// features are those of the driver that farswap has a name for.
func features(flags ublk.Flags) string {
	names := slices.DeleteFunc(flags.Names(), func(name string) bool { return strings.HasPrefix(name, "0x") })
	if len(names) == 0 {
		return "without any feature"
	}
	return "with " + strings.Join(names, " ")
}

func checkRing(m *machine.Machine) check {
	const allow = "sysctl kernel.io_uring_disabled=0"
	c := check{Area: areaDevice, Name: "io_uring"}
	state, disabled, err := m.Ring()
	c.State = state
	switch {
	case err == nil:
		c.Found = "works"
	case disabled == "1":
		c.Found, c.Advice = "kernel.io_uring_disabled is 1: for privileged users only", asRoot(m, allow)
	case disabled == "2":
		c.Found, c.Advice = "kernel.io_uring_disabled is 2: for nobody", allow
	default:
		c.Found, c.Advice = command.OneLine(err), "in a container, change its seccomp profile"
	}
	return c
}

func checkCapabilities(m *machine.Machine) check {
	state, have, lack := m.Capabilities()
	c := check{Area: areaDevice, Name: "capabilities", State: state, Found: strings.Join(have, " ")}
	if len(lack) > 0 {
		c.Found = "without CAP_" + strings.Join(lack, " CAP_")
		c.Advice = asRoot(m, "give them (systemd AmbientCapabilities=, container --cap-add)")
	}
	return c
}

func checkFlusher(m *machine.Machine) check {
	state, err := m.Flusher()
	c := check{Area: areaDevice, Name: "I/O flusher", State: state, Found: "allowed"}
	switch {
	case err == nil:
	case errors.Is(err, unix.EPERM):
		c.Found, c.Advice = "not allowed", asRoot(m, "give CAP_SYS_RESOURCE")
	default:
		c.Found, c.Advice = "refused: "+err.Error(), "Linux 5.6 or newer is needed"
	}
	return c
}
