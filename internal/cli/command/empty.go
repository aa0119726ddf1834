package command

import (
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/farswap/farswap/internal/cli/usage"
)

// errEmpty is about an option that was given without a value, such as --cert "$FOLDER" of a
// script whose variable is not set. To leave an option out means something else.
var errEmpty = errors.New("the value is empty: give one, or leave the option out")

// refuseEmpty refuses options of the command line args without a value.
func refuseEmpty(cmd *cobra.Command, args []string) error {
	// A list that got an empty word beside others does not show it, so the words are looked at.
	for i, word := range args {
		if word == "--" {
			break
		}
		name, value, joined := strings.Cut(strings.TrimPrefix(word, "--"), "=")
		flag := cmd.Flags().Lookup(name)
		if flag == nil || !strings.HasPrefix(word, "--") || value != "" {
			continue
		}
		next := flag.NoOptDefVal == "" && i+1 < len(args) && args[i+1] == ""
		if joined || next {
			return usage.Errorf("--%s: %w", name, errEmpty)
		}
	}
	var err error
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if list, ok := f.Value.(pflag.SliceValue); ok && err == nil && slices.Contains(list.GetSlice(), "") {
			err = usage.Errorf("--%s: %w", f.Name, errEmpty)
		}
	})
	return err
}
