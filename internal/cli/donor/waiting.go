package donor

import (
	"context"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/farswap/farswap/internal/cli/command"
	"github.com/farswap/farswap/internal/cli/flags"
	"github.com/farswap/farswap/internal/cli/usage"
	"github.com/farswap/farswap/status"
)

// waiting makes cmd a command about one donor of this machine that begins something and waits until it is over,
// for timeout unless --timeout says otherwise. what is what it waits for. do gets the donor's state folder.
func waiting(a *command.App, cmd *cobra.Command, timeout time.Duration, what string,
	do func(ctx context.Context, out io.Writer, dir, name string) error,
) *cobra.Command {
	var root string
	cmd.Args = a.PerhapsOne
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		name, err := chosenDonor(args, root)
		if err != nil {
			return err
		}
		if timeout <= 0 {
			return usage.Errorf("--timeout %v: want more than 0", timeout)
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
		defer cancel()
		return do(ctx, cmd.OutOrStdout(), status.DonorDir(root, name), name)
	}
	flags.StateRoot(cmd, &root)
	cmd.Flags().DurationVar(&timeout, "timeout", timeout, "how long to wait for "+what)
	return cmd
}

// begin asks a donor for something, and returns its status from before.
func begin(ctx context.Context, dir, name string, ask func(ctx context.Context, socket string) error) (status.DonorDaemon, error) {
	socket := status.Socket(dir)
	before, err := status.FetchDonor(ctx, socket)
	if err == nil {
		err = ask(ctx, socket)
	}
	if err != nil {
		return before, donorError(name, err)
	}
	return before, nil
}
