package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/farswap/farswap/donor"
	"github.com/farswap/farswap/status"
)

func (a *app) donorResize() *cobra.Command {
	var root string
	var memory byteSize
	var keep headRoom
	cmd := &cobra.Command{
		Use:   "resize [NAME] [--memory SIZE] [--headroom SIZE or SHARE]",
		Short: "Change how much a running donor lends, or keeps available",
		Long: `resize changes a donor of this machine while it runs. More is lent at once. With
less, prepared slabs go back first and then slabs of devices, the least active
ones first, which takes a while: see ` + "`farswap donor status`.",
		Args: a.donorName,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch given := cmd.Flags().Changed; {
			case !given("memory") && !given("headroom"):
				return usage("say what is to change: --memory SIZE, --headroom SIZE or SHARE")
			case given("memory") && memory == 0:
				return usage("--memory 0: a donor lends something: end it with `farswap donor drain`")
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
	rootFlag(cmd, &root)
	cmd.Flags().Var(&memory, "memory", "most memory that is lent")
	cmd.Flags().Var(&keep, "headroom", "memory kept available: a size, or a share such as 25%")
	return cmd
}

// resizeHere carries out what another process asked this donor for.
func resizeHere(d *donor.Donor, to status.DonorResize) error {
	err := d.Resize(to.Memory, donor.HeadRoom{Bytes: to.HeadRoom, Share: to.HeadRoomShare})
	if errors.Is(err, donor.ErrConfig) {
		return &invalidRequest{err}
	}
	return err
}

// invalidRequest is status.ErrInvalid in the donor's words.
type invalidRequest struct{ err error }

func (e *invalidRequest) Error() string   { return e.err.Error() }
func (e *invalidRequest) Unwrap() []error { return []error{e.err, status.ErrInvalid} }
