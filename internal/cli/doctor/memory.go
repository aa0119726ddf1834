package doctor

import (
	"fmt"

	"github.com/farswap/farswap/internal/human"
	"github.com/farswap/farswap/internal/machine"
	"github.com/farswap/farswap/internal/memory"
)

// memoryChecks are about speed and safety when memory is short.
func memoryChecks(m *machine.Machine) []check {
	return []check{checkSize(m), checkMemlock(m), checkHuge(m), checkReserve(m), checkRealtime(m), checkSleep(m)}
}

func checkSize(m *machine.Machine) check {
	state, total := m.Size()
	c := check{Area: areaMemory, Name: "size", State: state, Found: human.Bytes(total)}
	if state != machine.OK {
		c.Found += ", and a device has been tried as swap with " + human.Bytes(memory.LeastTried) + " and more"
		c.Advice = "give the machine more memory, or do without a standby (--supervise off)"
	}
	return c
}

func checkMemlock(m *machine.Machine) check {
	l := m.LockLimit()
	limit := "limit of " + human.Bytes(l.Limit)
	c := check{Area: areaMemory, Name: "locked memory", State: l.State}
	switch {
	case l.Unlimited:
		c.Found = "unlimited"
	case l.Exempt:
		c.Found = limit + ", which does not bind this process (CAP_IPC_LOCK)"
	case l.Tiny:
		c.Found = limit + ", too little for a device and for a donor"
	default:
		c.Found = limit + ", which all that a donor lends has to fit in"
	}
	if c.State != machine.OK {
		c.Advice = asRoot(m, "raise it (systemd LimitMEMLOCK=infinity, container --ulimit memlock=-1)")
	}
	return c
}

func checkHuge(m *machine.Machine) check {
	h := m.HugePages()
	c := check{Area: areaMemory, Name: "huge pages", State: h.State}
	switch {
	case h.State == machine.OK:
		c.Found = fmt.Sprintf("transparent ones are used (%s)", h.Mode)
	case h.Mode == "":
		c.Found = "the kernel has no transparent ones, so RDMA registers memory more slowly"
	default:
		c.Found = fmt.Sprintf("transparent ones are off (%s), so RDMA registers memory more slowly", h.Mode)
		c.Advice = "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled"
	}
	if h.Pool != "" {
		c.Found += fmt.Sprintf("; the pool's %s free pages of 2M are not", h.Pool)
	}
	return c
}

func checkReserve(m *machine.Machine) check {
	state, have, want := m.Reserve()
	c := check{Area: areaMemory, Name: "reserve", State: state, Found: "vm.min_free_kbytes is " + human.Bytes(have)}
	if state != machine.OK {
		c.Advice = fmt.Sprintf("for swap over TCP beside much other traffic, sysctl vm.min_free_kbytes=%d", want>>10)
	}
	return c
}

func checkRealtime(m *machine.Machine) check {
	c := check{Area: areaMemory, Name: "real-time", State: m.Realtime(), Found: "allowed"}
	if c.State != machine.OK {
		c.Found = "not allowed, so a device's server cannot use the reserve"
		c.Advice = asRoot(m, "give CAP_SYS_NICE")
	}
	return c
}
