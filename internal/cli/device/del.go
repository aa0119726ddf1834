package device

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/internal/cli/command"
	"github.com/farswap/farswap/internal/cli/flags"
	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/ublk"
)

func deleteCommand(a *command.App) *cobra.Command {
	var root string
	var force bool
	cmd := &cobra.Command{
		Use:   "del DEVICE",
		Short: "Remove a device whose server is gone",
		Long: `del removes a device whose server is gone, from the kernel and from the state
folders. stop ends a device that has a server.

With --force it also removes a device that is in use, and one that another program
made. What is on the device is then lost, and the kernel kills programs with pages
there.`,
		Args: a.OneArg("DEVICE, a number or path,"),
		RunE: func(_ *cobra.Command, args []string) error {
			id, err := flags.ParseDevice(args[0])
			if err != nil {
				return err
			}
			return deleteDevice(root, id, force)
		},
	}
	flags.StateRoot(cmd, &root)
	cmd.Flags().BoolVar(&force, "force", false, "remove it even if that loses data")
	return cmd
}

func deleteDevice(root string, id int, force bool) error {
	dir, path := status.StateDir(root, id), ublk.BlockPath(id)
	ours := true
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		ours = false
	}
	if !force {
		if err := refuseIfUsed(path); err != nil {
			return err
		}
	}
	if !ours {
		return deleteFromKernel(id, force, false)
	}
	// While this process holds the lock, no new server can start.
	lock, err := status.Acquire(dir)
	if errors.Is(err, status.ErrStateInUse) {
		return fmt.Errorf("%s has a server: stop it with `farswap ublk stop %d`: %w", path, id, err)
	}
	if err != nil {
		return err
	}
	if err := deleteFromKernel(id, force, true); err != nil {
		return errors.Join(err, lock.Release())
	}
	return lock.Remove()
}

// deleteFromKernel removes the device from the kernel. A device of ours may
// already be gone there: its folder is then all that is left.
func deleteFromKernel(id int, force, ours bool) error {
	control, err := ublk.OpenControl()
	if errors.Is(err, ublk.ErrNoDriver) && ours {
		return nil
	}
	if err != nil {
		return err
	}
	defer control.Close()
	info, err := control.Info(id)
	switch {
	case errors.Is(err, ublk.ErrNoDevice) && ours:
		return nil
	case err != nil:
		return err
	case serves(info):
		return fmt.Errorf("%s is served by process %d: end that first", ublk.BlockPath(id), info.ServerPID)
	case !ours && !force:
		return fmt.Errorf("%w: %s is not a farswap device and its own server may come back: --force removes it all the same", status.ErrRefused, ublk.BlockPath(id))
	}
	if err := control.Stop(id); err != nil {
		return err
	}
	return control.Delete(id)
}

// serves says whether the process that the kernel names as a device's server
// lives. A device that was never started names none.
func serves(info ublk.DevInfo) bool {
	if info.ServerPID <= 0 || info.State != ublk.StateLive {
		return false
	}
	return !errors.Is(unix.Kill(int(info.ServerPID), 0), unix.ESRCH)
}
