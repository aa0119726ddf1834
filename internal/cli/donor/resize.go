package donor

import (
	"github.com/spf13/cobra"

	"github.com/farswap/farswap/internal/cli/command"
	"github.com/farswap/farswap/internal/cli/flags"
	"github.com/farswap/farswap/internal/cli/usage"
	"github.com/farswap/farswap/status"
)

func resizeCommand(a *command.App) *cobra.Command {
	var root string
	var memory flags.Size
	var keep flags.HeadRoom
	cmd := &cobra.Command{
		Use:   "resize [NAME] [--memory SIZE] [--headroom SIZE or SHARE]",
		Short: "Change how much a running donor lends, or keeps available",
		Long: `resize changes a donor of this machine while it runs. A larger --memory is lent at
once. With a smaller one, prepared slabs go back first, then slabs of devices, the
least active ones first. That takes a while: see ` + "`farswap donor status`.",
		Args: a.PerhapsOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch given := cmd.Flags().Changed; {
			case !given("memory") && !given("headroom"):
				return usage.Errorf("say what is to change: --memory SIZE, --headroom SIZE or SHARE")
			case given("memory") && memory == 0:
				return usage.Errorf("--memory 0: a donor lends something: end it with `farswap donor drain`")
			}
			name, err := chosenDonor(args, root)
			if err != nil {
				return err
			}
			err = status.Resize(cmd.Context(), status.Socket(status.DonorDir(root, name)), status.DonorResize{
				Memory: int64(memory), HeadRoom: keep.Bytes, HeadRoomShare: keep.Share,
			})
			if err != nil {
				return donorError(name, err)
			}
			return nil
		},
	}
	flags.StateRoot(cmd, &root)
	cmd.Flags().Var(&memory, "memory", "most memory that is lent")
	cmd.Flags().Var(&keep, "headroom", "memory kept available: a size, or a share such as 25%")
	return cmd
}
