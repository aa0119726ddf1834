package add

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/farswap/farswap/internal/cli/command"
	"github.com/farswap/farswap/internal/cli/usage"
)

// ofTheProcess are flags that are not about the device.
var ofTheProcess = []string{"config", "state-root"}

// TestEveryFlagHasTargets: a flag that belongs to no target would be taken by all of them.
func TestEveryFlagHasTargets(t *testing.T) {
	cmd := Command(&command.App{})
	seen := 0
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		owners := f.Annotations[ofTargets]
		if slices.Contains(ofTheProcess, f.Name) {
			if owners != nil {
				t.Errorf("--%s is of the process and of targets %q", f.Name, owners)
			}
			return
		}
		seen++
		if len(owners) == 0 {
			t.Errorf("--%s belongs to no target", f.Name)
		}
		for _, name := range owners {
			if !slices.Contains(targetNames, name) {
				t.Errorf("--%s belongs to target %q, and there is none", f.Name, name)
			}
		}
	})
	if seen < 30 {
		t.Errorf("only %d flags were looked at", seen)
	}
}

// TestForeignFlagsAreRefused gives every target every flag that it does not have, by itself.
func TestForeignFlagsAreRefused(t *testing.T) {
	for _, name := range targetNames {
		all := &cobra.Command{}
		newOptions().register(all)
		all.Flags().VisitAll(func(f *pflag.Flag) {
			o := newOptions()
			cmd := &cobra.Command{}
			o.register(cmd)
			value := f.DefValue
			if f.Value.Type() == "stringSlice" {
				value = "x"
			}
			if f.Name != "target" && f.Name != "size" {
				if err := cmd.Flags().Set(f.Name, value); err != nil {
					t.Fatal(err)
				}
			}
			err := refuseForeign(cmd.Flags(), name)
			if owned := slices.Contains(f.Annotations[ofTargets], name); owned != (err == nil) {
				t.Errorf("--%s of target %s: %v", f.Name, name, err)
			}
			if err != nil && (!errors.Is(err, usage.Err) || !strings.Contains(err.Error(), "--"+f.Name+" means nothing with --target "+name)) {
				t.Errorf("--%s of target %s: %v", f.Name, name, err)
			}
		})
	}
}
