package add

import (
	"slices"

	"github.com/spf13/pflag"

	"github.com/farswap/farswap/internal/cli/usage"
	"github.com/farswap/farswap/swapdev"
)

// Annotations of a flag.
const (
	ofTargets = "targets" // names of the targets that have it
	why       = "why"     // the others do not, in one element that may be empty
)

// refuseForeign refuses flags of the command line that the target does not have. A
// configuration file may have them: it serves devices of every target.
func refuseForeign(f *pflag.FlagSet, target string) error {
	var err error
	f.Visit(func(flag *pflag.Flag) {
		owners, ok := flag.Annotations[ofTargets]
		if err != nil || !ok || slices.Contains(owners, target) || isNoBacking(flag) {
			return
		}
		reason := flag.Annotations[why][0]
		if reason != "" {
			reason = ": " + reason
		}
		err = usage.Errorf("--%s means nothing with --target %s%s", flag.Name, target, reason)
	})
	return err
}

// isNoBacking says whether a flag is --backing none, which is true of every target.
func isNoBacking(flag *pflag.Flag) bool {
	return flag.Name == "backing" && flag.Value.String() == swapdev.NoBacking
}
