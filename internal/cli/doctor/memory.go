package doctor

import (
	"fmt"
	"math"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/internal/human"
)

const (
	// smallestLock is about what the server of a small device locks: the Go
	// runtime and the queues' buffers. Below it nothing starts.
	smallestLock = 64 << 20
	// The reserve that the README advises for TCP, and the part of the memory
	// that it should not exceed.
	wantedReserve = 256 << 20
	reservePart   = 32
	reserveStep   = 4 << 20 // for a round figure
)

// memoryChecks are about speed and safety when memory is short.
func (m *machine) memoryChecks() []check {
	return []check{m.checkMemlock(), m.checkHuge(), m.checkReserve(), m.checkRealtime()}
}

// checkMemlock is about memory that is locked: all of a server of swap, and what
// a donor lends. What RDMA pins has the same limit, but is counted apart.
func (m *machine) checkMemlock() check {
	c := check{Area: areaMemory, Name: "locked memory", State: checkOK}
	limit := "unlimited"
	if m.memlock < math.MaxInt64 {
		limit = "limit of " + human.Bytes(int64(m.memlock))
	}
	switch {
	case m.memlock >= math.MaxInt64:
		c.Found = limit
	case m.capable(unix.CAP_IPC_LOCK):
		c.Found = limit + ", which does not bind this process (CAP_IPC_LOCK)"
	case m.memlock < smallestLock:
		c.State, c.Found = m.lacking(), limit+", too little for a device and for a donor"
	default:
		c.State, c.Found = checkWarn, limit+", which all that a donor lends has to fit in"
	}
	if c.State != checkOK {
		c.Advice = m.asRoot("raise it (systemd LimitMEMLOCK=infinity, container --ulimit memlock=-1)")
	}
	return c
}

// checkHuge is about pages of 2 MiB: fewer entries in the adapter's tables of
// addresses, and faster registration. farswap asks for transparent ones.
func (m *machine) checkHuge() check {
	c := check{Area: areaMemory, Name: "huge pages", State: checkOK}
	setting := m.read("sys/kernel/mm/transparent_hugepage/enabled")
	_, rest, _ := strings.Cut(setting, "[")
	mode, _, _ := strings.Cut(rest, "]")
	switch mode {
	case "always", "madvise":
		c.Found = fmt.Sprintf("transparent ones are used (%s)", mode)
	case "":
		c.State, c.Found = checkWarn, "the kernel has no transparent ones, so RDMA registers memory more slowly"
	default:
		c.State, c.Found = checkWarn, fmt.Sprintf("transparent ones are off (%s), so RDMA registers memory more slowly", mode)
		c.Advice = "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled"
	}
	if free := m.read("sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages"); free != "" && free != "0" {
		c.Found += fmt.Sprintf("; the pool's %s free pages of 2M are not", free)
	}
	return c
}

// checkReserve is about the kernel's reserve of memory, from which a socket can
// send when all else is used.
func (m *machine) checkReserve() check {
	c := check{Area: areaMemory, Name: "reserve", State: checkOK}
	have := kibibytes(m.read("proc/sys/vm/min_free_kbytes"))
	want := int64(wantedReserve)
	if total := kibibytes(m.field("proc/meminfo", "MemTotal")); total > 0 {
		want = min(want, (total/reservePart+reserveStep-1)/reserveStep*reserveStep)
	}
	c.Found = "vm.min_free_kbytes is " + human.Bytes(have)
	if have < want {
		c.State = checkWarn
		c.Advice = fmt.Sprintf("for swap over TCP beside much other traffic, sysctl vm.min_free_kbytes=%d", want>>10)
	}
	return c
}

// checkRealtime is about real-time priority, which lets a device's server use half
// of the reserve.
func (m *machine) checkRealtime() check {
	c := check{Area: areaMemory, Name: "real-time", State: checkOK, Found: "allowed"}
	if !m.capable(unix.CAP_SYS_NICE) {
		c.State, c.Found = checkWarn, "not allowed, so a device's server cannot use the reserve"
		c.Advice = m.asRoot("give CAP_SYS_NICE")
	}
	return c
}
