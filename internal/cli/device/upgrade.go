package device

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/farswap/farswap/internal/cli/command"
	"github.com/farswap/farswap/internal/cli/flags"
	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/ublk"
)

// pollUpgrade is the time between two looks for the next server.
const pollUpgrade = 20 * time.Millisecond

func upgradeCommand(a *command.App) *cobra.Command {
	var root string
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "upgrade [DEVICE]",
		Short: "Hand a device over to a server of the program that is installed now",
		Long: `upgrade starts the program that is installed now, has it take the device over, and
ends the server before. The device stays swap. Programs that page see a pause,
which upgrade prints. If the new program does not get ready, the server before goes
on.`,
		Args: a.PerhapsOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := chosenDevice(args, root)
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			pause, s, err := upgrade(ctx, root, id)
			if err != nil {
				return fmt.Errorf("upgrade %s: %w", ublk.BlockPath(id), err)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s is served by process %d now; it had no server for at most %v\n",
				ublk.BlockPath(id), s.PID, pause.Round(time.Millisecond))
			return err
		},
	}
	flags.StateRoot(cmd, &root)
	flags.Duration(cmd.Flags(), &timeout, "timeout", 3*time.Minute, time.Millisecond, maxTimeout, "how long to wait for the next server")
	return cmd
}

// upgrade hands a device over. It returns how long no server answered, and what the next one says.
func upgrade(ctx context.Context, root string, id int) (time.Duration, status.Device, error) {
	socket := status.Socket(status.StateDir(root, id))
	before, err := status.FetchSummary(ctx, socket)
	if err == nil {
		err = status.Upgrade(ctx, socket)
	}
	if errors.Is(err, status.ErrNoServer) {
		err = fmt.Errorf("%w: see `farswap ublk list`", err)
	}
	if err != nil {
		return 0, status.Device{}, err
	}
	last := time.Now()
	for {
		s, err := status.FetchSummary(ctx, socket)
		switch {
		case err == nil && s.PID != before.PID && s.State == status.StateLive:
			return time.Since(last), s, nil
		case err == nil && s.PID == before.PID:
			last = time.Now()
		}
		select {
		case <-ctx.Done():
			return 0, s, fmt.Errorf("the next server does not answer yet: look at its log, and at `farswap ublk list`: %w", ctx.Err())
		case <-time.After(pollUpgrade):
		}
	}
}
