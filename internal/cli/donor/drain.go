package donor

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/farswap/farswap/internal/cli/command"
	"github.com/farswap/farswap/internal/human"
	"github.com/farswap/farswap/status"
)

// pollDrain is the time between two looks at a donor that drains.
const pollDrain = 200 * time.Millisecond

func drainCommand(a *command.App) *cobra.Command {
	return waiting(a, &cobra.Command{
		Use:   "drain [NAME]",
		Short: "Give back all memory that a donor lends, and end it",
		Long: `drain tells a donor of this machine to lend nothing more and to ask its devices for
all slabs. The devices move the slabs to other donors, or keep the pages in their
backing files. The donor ends when the last slab is back. A device that does not return a slab
within a minute loses its session.`,
	}, 10*time.Minute, "the end", drainDonor)
}

// drainDonor begins a drain and waits until the donor has ended.
func drainDonor(ctx context.Context, out io.Writer, dir, name string) error {
	before, err := begin(ctx, dir, name, status.Drain)
	if err != nil {
		return err
	}
	p := progress{out: out, terminal: command.IsTerminal(out), name: name, begun: time.Now()}
	slabs, bytes := lent(before)
	leftSlabs, leftBytes := slabs, bytes
	for {
		pid, alive, err := status.Holder(dir)
		if err != nil {
			return err
		}
		if !alive || pid != before.PID { // another may have started in its place
			return p.end(fmt.Sprintf("%s drained: %d slabs, %s, in %s", name, slabs, human.Bytes(bytes), human.Nanos(int64(time.Since(p.begun)))))
		}
		if d, err := status.FetchDonor(ctx, status.Socket(dir)); err == nil && d.PID == before.PID {
			leftSlabs, leftBytes = lent(d)
			p.show(leftSlabs, leftBytes, bytes)
		}
		select {
		case <-ctx.Done():
			_ = p.end("")
			return fmt.Errorf("donor %s: %d slabs, %s, are not back yet; it goes on: ask again, or wait longer with --timeout",
				name, leftSlabs, human.Bytes(leftBytes))
		case <-time.After(pollDrain):
		}
	}
}

// lent is what devices hold of a donor.
func lent(d status.DonorDaemon) (slabs int, bytes int64) {
	for _, s := range d.Sessions {
		slabs += s.Slabs
	}
	for _, l := range d.Leases {
		slabs += l.Slabs
	}
	return slabs, d.Memory.Mapped
}
