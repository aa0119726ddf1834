package donor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/farswap/farswap/internal/cli/command"
	"github.com/farswap/farswap/internal/human"
	"github.com/farswap/farswap/status"
)

const (
	// pollUpgrade is the time between two looks at a donor that is upgraded.
	pollUpgrade = 50 * time.Millisecond
	// silence is how long nobody may have a donor's state folder until it counts as dead. One process
	// gives the folder up for the next, which has 15 s to take it.
	silence = 20 * time.Second
)

// errUpgrade means that a donor was not handed over, and goes on as it was.
var errUpgrade = errors.New("the upgrade has failed; the donor goes on as it was")

func upgradeCommand(a *command.App) *cobra.Command {
	return waiting(a, &cobra.Command{
		Use:   "upgrade [NAME]",
		Short: "Hand a running donor over to the program that is installed now",
		Long: `upgrade has a donor of this machine start its program anew, from the file that is
installed now and with the same arguments, and hand over to it: memory, sessions and
listening sockets. The new process reads configuration, certificates and lists anew. Devices
lose no page: they wait for a moment and connect again. If the new process does not get ready,
the old one goes on.`,
	}, 20*time.Minute, "the new process", upgradeDonor)
}

// upgradeDonor begins an upgrade and waits until it is over.
func upgradeDonor(ctx context.Context, out io.Writer, dir, name string) error {
	before, err := begin(ctx, dir, name, status.Upgrade)
	if err != nil {
		return err
	}
	held := time.Now()
	for {
		now, err := status.FetchDonor(ctx, status.Socket(dir)) // for a moment nobody answers
		switch u := now.Upgrade; {
		case err != nil || u == nil || before.Upgrade != nil && u.At.Equal(before.Upgrade.At):
		case u.Error != "":
			return fmt.Errorf("donor %s: %w: %s", name, errUpgrade, u.Error)
		case now.PID != before.PID:
			slabs, bytes := lent(now)
			_, err := fmt.Fprintf(out, "%s upgraded: process %d, before %d; %d slabs, %s, nobody served for %s\n",
				name, now.PID, before.PID, slabs, human.Bytes(bytes), human.Nanos(u.Paused))
			return err
		}
		if _, alive, err := status.Holder(dir); err != nil || alive {
			held = time.Now()
		}
		if time.Since(held) > silence {
			return fmt.Errorf("donor %s: it has ended: its log says why", name)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("donor %s: the upgrade is not over yet; it goes on: see `farswap donor status`", name)
		case <-time.After(pollUpgrade):
		}
	}
}
