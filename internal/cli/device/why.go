package device

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/farswap/farswap/internal/cli/command"
	"github.com/farswap/farswap/internal/cli/flags"
	"github.com/farswap/farswap/internal/cli/usage"
	"github.com/farswap/farswap/internal/human"
	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/ublk"
)

func whyCommand(a *command.App) *cobra.Command {
	var root, device string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "why SLAB",
		Short: "Say why a slab is where it is: its last maps and moves, and the reasons for them",
		Args:  a.OneArg("SLAB"),
		RunE: func(cmd *cobra.Command, args []string) error {
			slab, err := strconv.ParseUint(args[0], 10, 31)
			if err != nil {
				return usage.Errorf("%q is not a slab: want its number, as `farswap ublk status` lists them", args[0])
			}
			var chosen []string
			if device != "" {
				chosen = []string{device}
			}
			id, err := chosenDevice(chosen, root)
			if err != nil {
				return err
			}
			decisions, err := status.FetchDecisions(cmd.Context(), status.Socket(status.StateDir(root, id)), int(slab))
			switch {
			case errors.Is(err, status.ErrNoServer):
				return fmt.Errorf("%s: %w: see `farswap ublk list`", ublk.BlockPath(id), err)
			case errors.Is(err, status.ErrInvalid):
				return usage.Errorf("%s: %w", ublk.BlockPath(id), err)
			case err != nil:
				return err
			case asJSON:
				return command.PrintJSON(cmd.OutOrStdout(), decisions)
			}
			return writeWhy(cmd.OutOrStdout(), int(slab), decisions)
		},
	}
	cmd.Flags().StringVar(&device, "id", "", "number or path of the device; the only one if not given")
	flags.StateRoot(cmd, &root)
	command.JSONFlag(cmd, &asJSON)
	return cmd
}

// writeWhy tells a slab's history, oldest first.
func writeWhy(w io.Writer, slab int, decisions []status.Decision) error {
	if len(decisions) == 0 {
		_, err := fmt.Fprintf(w, "slab %d: no donor has had it since the server's start, so it is in the backing file\n", slab)
		return err
	}
	for _, d := range decisions {
		if _, err := fmt.Fprintf(w, "%s  slab %d %s (%s)\n    %s\n", d.At.Local().Format(time.DateTime), slab, what(d), d.Rule, d.Why); err != nil {
			return err
		}
	}
	return nil
}

// what says in a few words what was decided.
func what(d status.Decision) string {
	took := ""
	if d.Took > 0 {
		took = " in " + human.Nanos(d.Took)
	}
	switch {
	case d.From == "" && d.To == "":
		return "stayed in the backing file"
	case d.From == "":
		return "was mapped to " + d.To + took
	case d.To == "" && d.Rule == "slow-donor":
		return "stayed at " + d.From
	case d.To == "":
		return "left " + d.From + " for the backing file"
	default:
		return "moved from " + d.From + " to " + d.To + took
	}
}
