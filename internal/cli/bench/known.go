package bench

import (
	"cmp"
	"os"
	"strings"

	"github.com/farswap/farswap/benchmarks/backend"
	"github.com/farswap/farswap/benchmarks/harness"
	"github.com/farswap/farswap/benchmarks/workload"
	"github.com/farswap/farswap/internal/cli/usage"
)

// benchDir is the folder for files of runs. On most machines it is on a disk.
const benchDir = "/var/tmp"

// backendOptions are the options for asking a backend what this machine lacks for it. The
// peak of an application is not known then; it is somewhat more than the bytes of its data.
func backendOptions(bytes int64, dir, device string) backend.Options {
	self, err := os.Executable()
	if err != nil {
		self = "farswap"
	}
	return backend.Options{Size: harness.SwapSize(bytes + bytes/4), Dir: dir, Device: device, Farswap: self, Log: func(string, ...any) {}}
}

// missingCommands lists the commands that a workload needs and this machine does not have.
func missingCommands(w workload.Workload) string {
	missing := w.Missing()
	if len(missing) == 0 {
		return ""
	}
	return "commands: " + strings.Join(missing, ", ")
}

// named finds entries by name, in the order of the names. An unknown name is wrong usage.
func named[T any](kind string, all []T, name func(T) string, wanted []string) ([]T, error) {
	var found []T
	var known []string
	for _, e := range all {
		known = append(known, name(e))
	}
	for _, want := range wanted {
		i := len(found)
		for _, e := range all {
			if name(e) == want {
				found = append(found, e)
			}
		}
		if len(found) == i {
			return nil, usage.Errorf("unknown %s %q: want one of %s", kind, want, cmp.Or(strings.Join(known, ", "), "none, there are none"))
		}
	}
	return found, nil
}
