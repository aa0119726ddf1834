// Package program names the two programs of farswap, and says which build this is and on
// which kernel it runs.
package program

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"golang.org/x/sys/unix"
)

// The two programs, by the names of their files.
const (
	Farswap  = "farswap"  // what a person types
	Farswapd = "farswapd" // serves devices and donors; farswap executes it
)

// Stamp is what the linker set in a program's main package (-X main.version=…). Both may
// be empty.
type Stamp struct {
	Version string // of a release
	Commit  string // for builds without the go command's own note of it
}

// Info is what `farswap version --json` prints.
type Info struct {
	Version string `json:"version"`
	Commit  string `json:"commit,omitempty"`
	Go      string `json:"go"`
	Kernel  string `json:"kernel"` // the running one
}

// Here completes a stamp by what the go command noted in the program.
func (b Stamp) Here() Info {
	v := Info{Version: b.Version, Commit: b.Commit, Go: runtime.Version(), Kernel: Kernel()}
	if info, ok := debug.ReadBuildInfo(); ok {
		if v.Version == "" {
			v.Version = info.Main.Version
		}
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" && v.Commit == "" {
				v.Commit = s.Value
			}
		}
	}
	if v.Version == "" {
		v.Version = "(devel)"
	}
	return v
}

// String is what `farswap version` prints after the program's name.
func (v Info) String() string { return fmt.Sprintf("%s (%s, Linux %s)", v.Version, v.Go, v.Kernel) }

// Kernel is the release of the running kernel, empty if it does not say.
func Kernel() string {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return ""
	}
	return unix.ByteSliceToString(name.Release[:])
}
