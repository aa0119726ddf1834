package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/bpf"
	"github.com/farswap/farswap/internal/cli/command"
	"github.com/farswap/farswap/internal/cli/program"
	"github.com/farswap/farswap/ublk"
	"github.com/farswap/farswap/uring"
	"github.com/farswap/farswap/verbs/rdma"
)

// Kernel that ublk's control commands need (ioctl-encoded opcodes).
const needMajor, needMinor = 6, 4

// machine is what doctor looks at; tests make one up.
type machine struct {
	root    string // "/" but in tests
	kernel  string // release
	uid     int
	memlock uint64 // RLIMIT_MEMLOCK in bytes

	ublk      func() (ublk.Flags, error)              // opens the driver
	ring      func() error                            // makes a ring
	flusher   func() error                            // asks for the mark of an I/O flusher
	libraries func() error                            // loads those of RDMA
	probes    func() ([]string, []bpf.Missing, error) // looks for hooks
	lookup    func(context.Context, string) ([]netip.Addr, error)
	route     func(netip.AddrPort) (source, error)
}

func thisMachine() *machine {
	var limit unix.Rlimit
	_ = unix.Getrlimit(unix.RLIMIT_MEMLOCK, &limit) // cannot fail
	return &machine{
		root: "/", kernel: program.Kernel(), uid: os.Geteuid(), memlock: limit.Cur,
		ublk: openUblk, ring: openRing, libraries: rdma.Available, probes: bpf.Survey, lookup: lookupHost, route: routeTo,
		flusher: func() error { _, err := unix.PrctlRetInt(unix.PR_GET_IO_FLUSHER, 0, 0, 0, 0); return err },
	}
}

func openUblk() (ublk.Flags, error) {
	control, err := ublk.OpenControl()
	if err != nil {
		return 0, err
	}
	flags, err := control.Features()
	return flags, errors.Join(err, control.Close())
}

func openRing() error {
	ring, err := uring.New(uring.Config{Entries: 1})
	if err != nil {
		return err
	}
	return ring.Close()
}

// read is a file's text without its end of line, "" if it cannot be read.
func (m *machine) read(path string) string {
	data, err := os.ReadFile(filepath.Join(m.root, path))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

// field is a line's value in files of lines such as "CapEff: 0".
func (m *machine) field(path, name string) string {
	for line := range strings.SplitSeq(m.read(path), "\n") {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// kibibytes reads a number of KiB, in bytes; 0 if there is none.
func kibibytes(text string) int64 {
	n, err := strconv.ParseInt(strings.TrimSuffix(text, " kB"), 10, 64)
	if err != nil {
		return 0
	}
	return n << 10
}

func (m *machine) capable(bit int) bool {
	set, err := strconv.ParseUint(m.field("proc/self/status", "CapEff"), 16, 64)
	return err == nil && set&(1<<bit) != 0
}

// lacking is the outcome of a missing right: root will have it, unless root is
// who asks.
func (m *machine) lacking() verdict {
	if m.uid == 0 {
		return checkMissing
	}
	return checkWarn
}

// asRoot advises to be root or, if that is not it, something else.
func (m *machine) asRoot(otherwise string) string {
	if m.uid == 0 {
		return otherwise
	}
	return "run as root, or " + otherwise
}

// deviceChecks are about what serving a device takes, whatever the transport.
func (m *machine) deviceChecks() []check {
	return []check{m.checkKernel(), m.checkUblk(), m.checkRing(), m.checkCapabilities(), m.checkFlusher()}
}

func (m *machine) checkKernel() check {
	c := check{Area: areaDevice, Name: "kernel", State: checkOK, Found: fmt.Sprintf("%s, %d.%d or newer is needed", m.kernel, needMajor, needMinor)}
	var major, minor int
	_, err := fmt.Sscanf(m.kernel, "%d.%d", &major, &minor)
	switch {
	case err != nil:
		c.State, c.Advice = checkWarn, "cannot tell its version"
	case major < needMajor || major == needMajor && minor < needMinor:
		c.State, c.Advice = checkMissing, "install a newer one (a donor runs on any)"
	}
	return c
}

func (m *machine) checkUblk() check {
	c := check{Area: areaDevice, Name: "ublk"}
	flags, err := m.ublk()
	switch {
	case err == nil:
		c.State, c.Found = checkOK, "the driver answers, "+features(flags)
	case errors.Is(err, ublk.ErrNoDriver):
		c.State, c.Found, c.Advice = checkMissing, "no /dev/ublk-control", "modprobe ublk_drv"
	case errors.Is(err, ublk.ErrPermission):
		c.State, c.Found, c.Advice = m.lacking(), "no permission for /dev/ublk-control", m.asRoot("give CAP_SYS_ADMIN and the node (container --device)")
	default:
		c.State, c.Found = checkMissing, command.OneLine(err)
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

func (m *machine) checkRing() check {
	c := check{Area: areaDevice, Name: "io_uring"}
	sysctl := m.read("proc/sys/kernel/io_uring_disabled")
	switch err := m.ring(); {
	case err == nil:
		c.State, c.Found = checkOK, "works"
	case sysctl == "1":
		c.State, c.Found, c.Advice = m.lacking(), "kernel.io_uring_disabled is 1: for privileged users only", m.asRoot("sysctl kernel.io_uring_disabled=0")
	case sysctl == "2":
		c.State, c.Found, c.Advice = checkMissing, "kernel.io_uring_disabled is 2: for nobody", "sysctl kernel.io_uring_disabled=0"
	default:
		c.State, c.Found, c.Advice = checkMissing, command.OneLine(err), "in a container, change its seccomp profile"
	}
	return c
}

func (m *machine) checkCapabilities() check {
	c := check{Area: areaDevice, Name: "capabilities", State: checkOK}
	var have, lack []string
	for _, need := range []struct {
		bit  int
		name string
	}{
		{unix.CAP_SYS_ADMIN, "SYS_ADMIN"},       // ublk, swapon
		{unix.CAP_SYS_RESOURCE, "SYS_RESOURCE"}, // I/O flusher, OOM score
		{unix.CAP_IPC_LOCK, "IPC_LOCK"},         // locked memory
	} {
		if m.capable(need.bit) {
			have = append(have, need.name)
		} else {
			lack = append(lack, "CAP_"+need.name)
		}
	}
	c.Found = strings.Join(have, " ")
	if len(lack) > 0 {
		c.State, c.Found = m.lacking(), "without "+strings.Join(lack, " ")
		c.Advice = m.asRoot("give them (systemd AmbientCapabilities=, container --cap-add)")
	}
	return c
}

func (m *machine) checkFlusher() check {
	c := check{Area: areaDevice, Name: "I/O flusher", State: checkOK, Found: "allowed"}
	switch err := m.flusher(); {
	case err == nil:
	case errors.Is(err, unix.EPERM):
		c.State, c.Found, c.Advice = m.lacking(), "not allowed", m.asRoot("give CAP_SYS_RESOURCE")
	default:
		c.State, c.Found, c.Advice = checkMissing, "refused: "+err.Error(), "Linux 5.6 or newer is needed"
	}
	return c
}
