package machine

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/ublk"
)

// The oldest kernel whose driver takes all control commands of package ublk: it was the
// first to tell its features.
const NeedMajor, NeedMinor = 6, 5

// Kernel is the version of the kernel. Its state is Warn if the release has no version.
func (m *Machine) Kernel() State {
	var major, minor int
	if _, err := fmt.Sscanf(m.Release, "%d.%d", &major, &minor); err != nil {
		return Warn
	}
	if major < NeedMajor || major == NeedMajor && minor < NeedMinor {
		return Missing
	}
	return OK
}

// Driver is ublk's driver: its features, or why it does not answer.
func (m *Machine) Driver() (State, ublk.Flags, error) {
	flags, err := m.OpenDriver()
	switch {
	case err == nil:
		return OK, flags, nil
	case errors.Is(err, ublk.ErrPermission):
		return m.lacking(), 0, err
	default:
		return Missing, 0, err
	}
}

// Ring is whether io_uring works, why not, and what kernel.io_uring_disabled says then: 0 for
// everybody may use it, 1 for the privileged, 2 for nobody.
func (m *Machine) Ring() (state State, disabled string, err error) {
	disabled = m.read("proc/sys/kernel/io_uring_disabled")
	err = m.OpenRing()
	switch {
	case err == nil:
		return OK, disabled, nil
	case disabled == "1":
		return m.lacking(), disabled, err
	default:
		return Missing, disabled, err
	}
}

// needed are the capabilities that serving a device takes.
var needed = []struct {
	bit  int
	name string
}{
	{unix.CAP_SYS_ADMIN, "SYS_ADMIN"},       // ublk, swapon
	{unix.CAP_SYS_RESOURCE, "SYS_RESOURCE"}, // I/O flusher, OOM score
	{unix.CAP_IPC_LOCK, "IPC_LOCK"},         // locked memory
}

// Capabilities are those that serving a device takes, without CAP_ before their names.
func (m *Machine) Capabilities() (state State, have, lack []string) {
	for _, need := range needed {
		if m.capable(need.bit) {
			have = append(have, need.name)
		} else {
			lack = append(lack, need.name)
		}
	}
	if len(lack) > 0 {
		return m.lacking(), have, lack
	}
	return OK, have, nil
}

// Flusher is whether this process may be an I/O flusher. The error is unix.EPERM where a right
// is missing.
func (m *Machine) Flusher() (State, error) {
	err := m.AskFlusher()
	switch {
	case err == nil:
		return OK, nil
	case errors.Is(err, unix.EPERM):
		return m.lacking(), err
	default:
		return Missing, err
	}
}
