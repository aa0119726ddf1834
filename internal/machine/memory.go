package machine

import (
	"math"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/internal/memory"
)

const (
	// smallestLock is about what the server of a small device locks, in bytes: the Go runtime
	// and the queues' buffers. Below it nothing starts.
	smallestLock = 64 << 20
	// wantedReserve is the reserve that the manual advises for TCP, in bytes, and reservePart
	// the part of the memory that it should not exceed.
	wantedReserve = 256 << 20
	reservePart   = 32
	reserveStep   = 4 << 20 // bytes, for a round figure
)

// Lock is how much memory this process may lock. All memory of a server of swap is locked, and
// what a donor lends. What RDMA pins has the same limit, but is counted apart.
type Lock struct {
	State     State
	Limit     int64 // bytes
	Unlimited bool
	Exempt    bool // the limit does not bind this process (CAP_IPC_LOCK)
	Tiny      bool // neither a device nor a donor fits
}

// LockLimit is about RLIMIT_MEMLOCK.
func (m *Machine) LockLimit() Lock {
	if m.Memlock >= math.MaxInt64 {
		return Lock{State: OK, Unlimited: true}
	}
	l := Lock{State: OK, Limit: int64(m.Memlock), Exempt: m.capable(unix.CAP_IPC_LOCK)}
	switch {
	case l.Exempt:
	case l.Limit < smallestLock:
		l.State, l.Tiny = m.lacking(), true
	default:
		l.State = Warn
	}
	return l
}

// Size is the memory of this machine in bytes, 0 if the kernel does not tell, and whether a device has been
// tried as swap with so little.
func (m *Machine) Size() (State, int64) {
	total := kibibytes(m.field("proc/meminfo", "MemTotal"))
	if total > 0 && total < memory.LeastTried {
		return Warn, total
	}
	return OK, total
}

// Huge is about pages of 2 MiB: fewer entries in the adapter's tables of addresses, and faster
// registration. farswap asks for transparent ones.
type Huge struct {
	State State
	Mode  string // of transparent ones: always, madvise, never; "" if the kernel has none
	Pool  string // free pages of the pool, which farswap does not use; "" for none
}

// HugePages is about those of the kernel.
func (m *Machine) HugePages() Huge {
	_, rest, _ := strings.Cut(m.read("sys/kernel/mm/transparent_hugepage/enabled"), "[")
	h := Huge{State: Warn}
	h.Mode, _, _ = strings.Cut(rest, "]")
	if h.Mode == "always" || h.Mode == "madvise" {
		h.State = OK
	}
	if free := m.read("sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages"); free != "0" {
		h.Pool = free
	}
	return h
}

// Reserve is the kernel's reserve of memory in bytes, from which a socket can send when all
// else is used, and how much it should be.
func (m *Machine) Reserve() (state State, have, want int64) {
	have = kibibytes(m.read("proc/sys/vm/min_free_kbytes"))
	want = wantedReserve
	if total := kibibytes(m.field("proc/meminfo", "MemTotal")); total > 0 {
		want = min(want, (total/reservePart+reserveStep-1)/reserveStep*reserveStep)
	}
	if have < want {
		return Warn, have, want
	}
	return OK, have, want
}

// Realtime is whether this process may have real-time priority, which lets a device's server
// use half of the reserve.
func (m *Machine) Realtime() State {
	if !m.capable(unix.CAP_SYS_NICE) {
		return Warn
	}
	return OK
}
