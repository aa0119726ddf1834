// Package machine looks at what a device, a donor and RDMA need of this machine: the kernel,
// its driver, rights, limits, memory and RDMA ports. It says what is there and judges it. What
// to tell a person about it is for the command line.
//
// It changes nothing and contacts nobody. It runs as any user, and sees most as root.
package machine

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/bpf"
	"github.com/farswap/farswap/ublk"
	"github.com/farswap/farswap/uring"
	"github.com/farswap/farswap/verbs/rdma"
)

// State is how something that is needed is.
type State string

// States.
const (
	OK      State = "ok"
	Warn    State = "warn"    // works, but not for this user, or not well
	Missing State = "missing" // does not work
)

// Machine is what is looked at. [Here] is this machine; tests make one up.
type Machine struct {
	Root    string // the root of proc, sys and dev
	Release string // of the kernel
	UID     int    // effective
	Memlock uint64 // RLIMIT_MEMLOCK in bytes

	OpenDriver    func() (ublk.Flags, error)              // opens ublk's driver
	OpenRing      func() error                            // makes a ring
	AskFlusher    func() error                            // asks for the mark of an I/O flusher
	LoadLibraries func() error                            // loads those of RDMA
	SurveyProbes  func() ([]string, []bpf.Missing, error) // looks for hooks
	Lookup        func(context.Context, string) ([]netip.Addr, error)
	Route         func(netip.AddrPort) (Source, error)
}

// Here is this machine.
func Here() *Machine {
	var limit unix.Rlimit
	_ = unix.Getrlimit(unix.RLIMIT_MEMLOCK, &limit) // cannot fail
	var name unix.Utsname
	_ = unix.Uname(&name) // likewise
	return &Machine{
		Root: "/", Release: unix.ByteSliceToString(name.Release[:]), UID: os.Geteuid(), Memlock: limit.Cur,
		OpenDriver: openDriver, OpenRing: openRing, LoadLibraries: rdma.Available, SurveyProbes: bpf.Survey, Lookup: lookup, Route: routeTo,
		AskFlusher: func() error { _, err := unix.PrctlRetInt(unix.PR_GET_IO_FLUSHER, 0, 0, 0, 0); return err },
	}
}

func openDriver() (ublk.Flags, error) {
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
func (m *Machine) read(path string) string {
	data, err := os.ReadFile(filepath.Join(m.Root, path))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

// field is a line's value in files of lines such as "CapEff: 0".
func (m *Machine) field(path, name string) string {
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

// capable says whether this process has a capability.
func (m *Machine) capable(bit int) bool {
	set, err := strconv.ParseUint(m.field("proc/self/status", "CapEff"), 16, 64)
	return err == nil && set&(1<<bit) != 0
}

// lacking is the state of a missing right: root will have it, unless root is who asks.
func (m *Machine) lacking() State {
	if m.UID == 0 {
		return Missing
	}
	return Warn
}
