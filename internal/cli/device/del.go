package device

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/internal/cli/command"
	"github.com/farswap/farswap/internal/cli/flags"
	"github.com/farswap/farswap/internal/cli/remedy"
	"github.com/farswap/farswap/internal/kept"
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
made. What is on the device is then lost. Swap is taken off: a program that needs a
lost page gets SIGBUS, at once or when it comes to need it, and the others go on. If
process 1 is such a program, the kernel panics. A file system on the device gives I/O
errors until it is unmounted; then the number is free.`,
		Args: a.OneArg("DEVICE, a number or path,"),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := flags.ParseDevice(args[0])
			if err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), unix.SIGINT, unix.SIGTERM)
			defer stop()
			context.AfterFunc(ctx, stop) // another signal ends the process at once
			return deleteDevice(ctx, cmd.ErrOrStderr(), root, id, force)
		},
	}
	flags.StateRoot(cmd, &root)
	cmd.Flags().BoolVar(&force, "force", false, "remove it even if that loses data")
	return cmd
}

func deleteDevice(ctx context.Context, stderr io.Writer, root string, id int, force bool) error {
	facts, err := remedy.Look(root, id)
	if err != nil {
		return err
	}
	switch {
	case facts.Server && len(facts.Uses) > 0 && !force:
		return fmt.Errorf("%w: %s would lose data: %s", status.ErrRefused, facts.Path(), facts.Release())
	case facts.Kernel == remedy.Stopped && len(facts.Swap) > 0: // nothing is left that anybody can do
		return fmt.Errorf("%s cannot be removed: %v", facts.Path(), facts.Advice())
	case len(facts.Uses) > 0 && !force:
		return fmt.Errorf("%w: %s is in use: %v", status.ErrRefused, facts.Path(), facts.Advice())
	case !facts.Ours:
		return deleteFromKernel(ctx, stderr, facts, force)
	}
	// While this process holds the lock, no new server can start.
	lock, err := status.Acquire(status.StateDir(root, id))
	if errors.Is(err, status.ErrStateInUse) {
		return fmt.Errorf("%s has a server: stop it with `farswap ublk stop %d`: %w", facts.Path(), id, err)
	}
	if err != nil {
		return err
	}
	if err := deleteFromKernel(ctx, stderr, facts, force); err != nil {
		return errors.Join(err, lock.Release())
	}
	return errors.Join(forget(root, id), lock.Remove())
}

// deleteFromKernel removes the device from the kernel. A device of ours may
// already be gone there: its folder is then all that is left.
func deleteFromKernel(ctx context.Context, stderr io.Writer, facts remedy.Facts, force bool) error {
	control, err := ublk.OpenControl()
	if errors.Is(err, ublk.ErrNoDriver) && facts.Ours {
		return nil
	}
	if err != nil {
		return err
	}
	defer control.Close()
	info, err := control.Info(facts.ID)
	switch {
	case errors.Is(err, ublk.ErrNoDevice) && facts.Ours:
		return nil
	case err != nil:
		return err
	case facts.Kernel == remedy.Served:
		return fmt.Errorf("%s is served by process %d: end that first", facts.Path(), info.ServerPID)
	case !facts.Ours && !force:
		return fmt.Errorf("%w: %s is not a farswap device and its own server may come back: --force removes it all the same", status.ErrRefused, facts.Path())
	case len(facts.Uses) > 0:
		return newForced(control, facts, stderr).remove(ctx)
	}
	if err := control.Stop(facts.ID); err != nil {
		return err
	}
	return control.Delete(facts.ID)
}

// forget removes what was kept for another server of a device that is gone, and the place where it was if
// that is empty.
func forget(root string, id int) error {
	if _, err := os.Lstat(filepath.Join(root, kept.FolderName)); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	place, err := kept.Open(root)
	if errors.Is(err, os.ErrPermission) {
		return nil // who may not look there had no way to make the device, either
	}
	if err != nil {
		return err
	}
	return errors.Join(place.Remove(id), place.Close())
}
