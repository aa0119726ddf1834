package device

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/internal/cli/command"
	"github.com/farswap/farswap/internal/cli/flags"
	"github.com/farswap/farswap/internal/cli/remedy"
	"github.com/farswap/farswap/internal/inuse"
	"github.com/farswap/farswap/status"
	"github.com/farswap/farswap/ublk"
)

// maxTimeout is the longest --timeout.
const maxTimeout = 7 * 24 * time.Hour

func stopCommand(a *command.App) *cobra.Command {
	var root string
	var timeout time.Duration
	var swapOff bool
	cmd := &cobra.Command{
		Use:   "stop DEVICE",
		Short: "Stop a device and its server, and wait until both are gone",
		Long: `stop ends a device and its server. It refuses while the device is in use.

With --swapoff it brings the pages back first, if it is swap, and shows how many are
left. It refuses if they clearly have no room in memory and other swap, or in the
control groups whose pages they are. SIGINT and SIGTERM cancel that: swap is then on
as before. So it is if memory becomes short meanwhile.`,
		Args: a.OneArg("DEVICE, a number or path,"),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := flags.ParseDevice(args[0])
			if err != nil {
				return err
			}
			s := stop{root: root, id: id, swapOff: swapOff, timeout: timeout, stderr: cmd.ErrOrStderr()}
			return s.run(cmd.Context())
		},
	}
	flags.StateRoot(cmd, &root)
	flags.Duration(cmd.Flags(), &timeout, "timeout", time.Minute, time.Millisecond, maxTimeout, "how long to wait for the end, once no page is left in swap")
	cmd.Flags().BoolVar(&swapOff, "swapoff", false, "take swap off the device first, however long that takes")
	return cmd
}

// stop is one stop of a device.
type stop struct {
	root    string
	id      int
	swapOff bool
	timeout time.Duration // for the end
	stderr  io.Writer
}

func (s stop) run(ctx context.Context) error {
	dir, path := status.StateDir(s.root, s.id), ublk.BlockPath(s.id)
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%s is not a farswap device: see `farswap ublk list`", path)
	}
	facts, err := remedy.Look(s.root, s.id)
	if err != nil {
		return err
	}
	if !facts.Server {
		return fmt.Errorf("%s: %w: %v", path, status.ErrNoServer, facts.Advice())
	}
	if s.swapOff && len(facts.Swap) > 0 && facts.Others() == "" {
		if err := s.takeSwapOff(ctx, facts); err != nil {
			return err
		}
	} else if len(facts.Uses) > 0 {
		return fmt.Errorf("%w: %s would lose data: %s", status.ErrRefused, path, facts.Release())
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	return s.stopServer(ctx, dir, path)
}

func (s stop) takeSwapOff(ctx context.Context, facts remedy.Facts) error {
	ctx, cancel := signal.NotifyContext(ctx, unix.SIGINT, unix.SIGTERM)
	defer cancel()
	return swapOff(ctx, s.stderr, facts)
}

// stopServer asks the server of a device that is not in use to stop, and waits for its end.
func (s stop) stopServer(ctx context.Context, dir, path string) error {
	server, _, err := status.Holder(dir)
	if err != nil {
		return err
	}
	switch err := status.Stop(ctx, status.Socket(dir)); {
	case errors.Is(err, status.ErrNoServer): // it holds the lock for longer than it has a socket
		return fmt.Errorf("%s: %w: it starts or stops, so try again", path, err)
	case err != nil:
		return fmt.Errorf("stop %s: %w", path, err)
	}
	e := ending{
		dir: dir, path: path, server: server, stderr: s.stderr, openers: inuse.Openers, tellAfter: tellOpeners, next: nextServer,
		advice: func() (string, error) {
			facts, err := remedy.Look(s.root, s.id)
			return facts.Advice().String(), err
		},
	}
	return e.await(ctx)
}
