package add

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/internal/cli/command"
	"github.com/farswap/farswap/internal/cli/flags"
	"github.com/farswap/farswap/internal/cli/process"
	"github.com/farswap/farswap/internal/cli/usage"
	"github.com/farswap/farswap/internal/flusher"
	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/swapdev"
	"github.com/farswap/farswap/ublk"
)

// standbyVar is the variable that makes `ublk recover` a standby. A server sets it, and leaves it two open files.
const standbyVar = "FARSWAP_STANDBY"

// recoverPause is between a standby's attempts to take a device over.
const recoverPause = time.Second

// Recover returns `farswap ublk recover`.
func Recover(a *command.App) *cobra.Command {
	var root string
	cmd := &cobra.Command{
		Use:   "recover [DEVICE]",
		Short: "Take over a device whose server has died, and serve it",
		Long: `recover serves a device again whose server has died, with the options that the
server had. Programs that wait for the device go on. It serves in the foreground,
as ` + "`farswap ublk add`" + ` does. DEVICE, a number or path, may be left out if there is
one device without a server.

A device that is swap has a standby, which does the same by itself and at once; see
--supervise of ` + "`farswap ublk add`" + `.`,
		Args: a.PerhapsOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := deadDevice(root, args)
			if err != nil {
				return err
			}
			r := recovery{app: a, root: root, id: id, standby: os.Getenv(standbyVar) != ""}
			return r.run(cmd)
		},
	}
	flags.StateRoot(cmd, &root)
	return cmd
}

// deadDevice is the number of the device that is meant.
func deadDevice(root string, args []string) (int, error) {
	if len(args) > 0 {
		return flags.ParseDevice(args[0])
	}
	folders, err := status.Folders(root)
	if err != nil {
		return 0, err
	}
	found := -1
	for _, f := range folders {
		switch {
		case f.Donor != "" || f.Alive:
		case found >= 0:
			return 0, usage.Errorf("devices %d and %d have no server: name one", found, f.ID)
		default:
			found = f.ID
		}
	}
	if found < 0 {
		return 0, fmt.Errorf("no device without a server is in %s: see `farswap ublk list`", root)
	}
	return found, nil
}

// recovery is one run of the command.
type recovery struct {
	app     *command.App
	root    string
	id      int
	standby bool

	options *options
	config  swapdev.Config
}

func (r *recovery) run(cmd *cobra.Command) error {
	log := r.app.Log
	if r.standby { // its server hears these, and says when to end
		signal.Ignore(unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	}
	if err := protect(log); err != nil { // executes the program again, with its variables
		return err
	}
	if err := os.Unsetenv(standbyVar); err != nil {
		return err
	}
	if err := r.recall(cmd); err != nil {
		return err
	}
	s, err := swapdev.NewStandby(r.config)
	if err != nil {
		return err
	}
	ease := newEase(log)
	if err := flusher.Settle(); err != nil {
		return errors.Join(err, s.Close())
	}
	var dev *swapdev.Device
	if r.standby {
		dev, err = r.wait(s, log)
	} else {
		dev, err = s.TakeOver(context.Background())
	}
	if err != nil || dev == nil {
		return err
	}
	signal.Reset(unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	log.Warn().Str("device", dev.Path()).Int("pid", os.Getpid()).Msg("device taken over from a server that has died; it takes I/O again")
	process.Succeeded(log, os.Getpid())
	end := process.WatchSignals()
	defer end.Close()
	defer r.options.follow(end.Again, log)()
	taken := r.options.session(dev, log)
	taken.ease = ease
	return taken.run(cmd.OutOrStdout(), r.options, end.Asked)
}

// recall makes the configuration of the device of what is kept.
func (r *recovery) recall(cmd *cobra.Command) error {
	kept, err := swapdev.KeptOptions(r.root, r.id)
	if err != nil {
		return err
	}
	var line remembered
	if err := json.Unmarshal(kept, &line); err != nil {
		return fmt.Errorf("what is kept of %s was written by another program: %w", ublk.BlockPath(r.id), err)
	}
	if err := os.Chdir(line.Folder); err != nil {
		return fmt.Errorf("the folder in which the server of %s was started: %w", ublk.BlockPath(r.id), err)
	}
	add, o := newCommand(r.app)
	add.SetErr(cmd.ErrOrStderr())
	if err := line.recall(add); err != nil {
		return fmt.Errorf("recover %s: %w", ublk.BlockPath(r.id), err)
	}
	r.options = o
	o.id, o.root = r.id, r.root
	o.listed = command.ListOf(add, "allow-donor")
	r.config, err = o.swapConfig(r.app.Log)
	return err
}

// wait tells the server that the standby is ready, waits for the end of the server, and takes the device over.
// The device is nil if it has ended with its server.
func (r *recovery) wait(s *swapdev.Standby, log zerolog.Logger) (*swapdev.Device, error) {
	if err := sayReady(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if err := waitForServer(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	for {
		if s.Gone() {
			return nil, s.Close()
		}
		dev, err := s.TakeOver(context.Background())
		if err == nil || errors.Is(err, status.ErrStateInUse) || errors.Is(err, ublk.ErrState) || errors.Is(err, ublk.ErrNoDevice) {
			return dev, err
		}
		log.Error().Err(err).Str("device", ublk.BlockPath(r.id)).Msg("the device cannot be taken over yet")
		for s = nil; s == nil; {
			time.Sleep(recoverPause)
			s, err = swapdev.NewStandby(r.config)
			if errors.Is(err, swapdev.ErrNotKept) { // the device has been removed meanwhile
				return nil, err
			}
			if err != nil {
				log.Error().Err(err).Str("device", ublk.BlockPath(r.id)).Msg("the device cannot be taken over yet")
			}
		}
	}
}
