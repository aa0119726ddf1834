package ublk

import (
	"fmt"
	"strings"
)

// Flags are the features of a device or of the driver (UBLK_F_*).
type Flags uint64

var flagNames = []struct {
	flag Flags
	name string
}{
	{FlagUserRecovery, "user-recovery"},
	{FlagUserRecoveryReissue, "reissue"},
	{FlagIoctlEncode, "ioctl-encode"},
	{FlagSafeStop, "safe-stop"},
	{FlagNoPartScan, "no-part-scan"},
}

// Names lists the flags that this package uses by name, and the rest as one
// number.
func (f Flags) Names() []string {
	var names []string
	for _, n := range flagNames {
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
