package device

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/farswap/farswap/internal/cli/command"
	"github.com/farswap/farswap/internal/cli/flags"
	"github.com/farswap/farswap/internal/cli/remedy"
	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/ublk"
)

// pollGone is the time between two looks at a server that stops.
const pollGone = 50 * time.Millisecond

// maxTimeout is the longest --timeout.
const maxTimeout = 7 * 24 * time.Hour

func stopCommand(a *command.App) *cobra.Command {
	var root string
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "stop DEVICE",
		Short: "Stop a device and its server, and wait until both are gone",
		Args:  a.OneArg("DEVICE, a number or path,"),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := flags.ParseDevice(args[0])
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			return stopDevice(ctx, root, id)
		},
	}
	flags.StateRoot(cmd, &root)
	flags.Duration(cmd.Flags(), &timeout, "timeout", time.Minute, time.Millisecond, maxTimeout, "how long to wait for the end")
	return cmd
}

func stopDevice(ctx context.Context, root string, id int) error {
	dir, path := status.StateDir(root, id), ublk.BlockPath(id)
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%s is not a farswap device: see `farswap ublk list`", path)
	}
	facts, err := remedy.Look(root, id)
	switch {
	case err != nil:
		return err
	case !facts.Server:
		return fmt.Errorf("%s: %w: %v", path, status.ErrNoServer, facts.Advice())
	case len(facts.Uses) > 0:
		return fmt.Errorf("%w: %s would lose data: %s", status.ErrRefused, path, facts.Unused())
	}
	switch err := status.Stop(ctx, status.Socket(dir)); {
	case errors.Is(err, status.ErrNoServer): // it holds the lock for longer than it has a socket
		return fmt.Errorf("%s: %w: it starts or stops, so try again", path, err)
	case err != nil:
		return fmt.Errorf("stop %s: %w", path, err)
	}
	for {
		_, alive, err := status.Holder(dir)
		if err != nil || !alive {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: its server began to stop and has not ended yet: look at its log, or wait longer with --timeout", path)
		case <-time.After(pollGone):
		}
	}
}
