package ublk

import (
	"errors"
	"fmt"
	"strings"
	"sync"
)

// Flags are the features of a device or of the driver (UBLK_F_*).
type Flags uint64

// Features that this package uses.
const (
	FlagUserRecovery        Flags = 1 << 3  // a device outlives its server
	FlagUserRecoveryReissue Flags = 1 << 4  // the next server gets the requests that a dead one held
	FlagIoctlEncode         Flags = 1 << 6  // commands are ioctl-encoded
	FlagRecoveryFailIO      Flags = 1 << 9  // I/O fails while a device has no server
	FlagQuiesce             Flags = 1 << 12 // a server can give a device up between two requests
	FlagSafeStop            Flags = 1 << 17 // the driver can refuse to stop a device that is open
	FlagNoPartScan          Flags = 1 << 18 // no partition scan at start
)

// features says what each flag is called and which version of Linux brought it.
var features = []struct {
	flag  Flags
	name  string
	since version
}{
	{FlagUserRecovery, "user-recovery", version{6, 1}},
	{FlagUserRecoveryReissue, "reissue", version{6, 1}},
	{FlagIoctlEncode, "ioctl-encode", version{6, 4}},
	{FlagRecoveryFailIO, "recovery-fail-io", version{6, 13}},
	{FlagQuiesce, "quiesce", version{6, 16}},
	{FlagSafeStop, "safe-stop", version{7, 0}},
	{FlagNoPartScan, "no-part-scan", version{7, 0}},
}

// Versions that brought commands.
var (
	sinceIoctl    = version{6, 4} // every command of this package is ioctl-encoded
	sinceFeatures = version{6, 5} // UBLK_U_CMD_GET_FEATURES
)

// version is a version of Linux.
type version struct{ major, minor int }

func (v version) String() string { return fmt.Sprintf("%d.%d", v.major, v.minor) }

func (v version) before(w version) bool {
	return v.major < w.major || v.major == w.major && v.minor < w.minor
}

// Names lists the flags that this package uses by name, and the rest as one
// number.
func (f Flags) Names() []string {
	var names []string
	for _, n := range features {
		if f&n.flag != 0 {
			names = append(names, n.name)
			f &^= n.flag
		}
	}
	if f != 0 {
		names = append(names, fmt.Sprintf("%#x", uint64(f)))
	}
	return names
}

// String joins Names with commas.
func (f Flags) String() string { return strings.Join(f.Names(), ",") }

// lacking is an *UnsupportedError about the flags of need that f lacks, nil if it
// has them all.
func (f Flags) lacking(need Flags) error {
	missing := need &^ f
	if missing == 0 {
		return nil
	}
	var since version
	for _, n := range features {
		if missing&n.flag != 0 && since.before(n.since) {
			since = n.since
		}
	}
	return &UnsupportedError{Feature: missing.String(), Kernel: since.String()}
}

// probed is the driver's answer to the question for its features. It is the same
// for as long as the kernel runs, so it is asked once in a process.
var probed struct {
	mu    sync.Mutex // guards known and flags
	known bool
	flags Flags
}

// Probe says whether this process can serve devices that need the given features.
// It returns nil, or an error that wraps ErrNoDriver, ErrPermission or
// ErrUnsupported. Spec.Features lists what a device needs. Tests skip with it.
func Probe(need Flags) error {
	c, err := OpenControl()
	if err != nil {
		return err
	}
	have, err := c.Features()
	if err == nil {
		err = have.lacking(need)
	}
	return errors.Join(err, c.Close())
}

// Features asks which features the driver knows. The answer is kept: only the
// first call of a process asks.
func (c *Control) Features() (Flags, error) {
	probed.mu.Lock()
	defer probed.mu.Unlock()
	if probed.known {
		return probed.flags, nil
	}
	flags, err := c.askFeatures()
	if errors.Is(err, ErrNoDevice) {
		// A driver that does not know the command looks for the device that it is about.
		err = fmt.Errorf("ublk get features: %w", &UnsupportedError{Feature: "the question for its features", Kernel: sinceFeatures.String()})
	}
	probed.flags, probed.known = flags, err == nil
	return flags, err
}
