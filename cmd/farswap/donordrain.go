package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/farswap/farswap/status"
)

// pollDrain is how often a draining donor is looked at.
const pollDrain = 200 * time.Millisecond

func (a *app) donorDrain() *cobra.Command {
	var root string
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "drain [NAME]",
		Short: "Give back all memory that a donor lends, and end it",
		Long: `drain has a donor of this machine lend nothing more and ask its devices for all
slabs. They move them to other donors, or keep the pages in their backing files.
When the last slab is back the donor ends. A device that does not return a slab
within 10 seconds loses its session.`,
		Args: a.donorName,
		RunE: func(cmd *cobra.Command, args []string) error {
			name, err := chosenDonor(args, root)
			if err != nil {
				return err
			}
			if timeout <= 0 {
				return usage("--timeout %v: want more than 0", timeout)
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			return drainDonor(ctx, cmd.OutOrStdout(), status.DonorDir(root, name), name)
		},
	}
	rootFlag(cmd, &root)
	cmd.Flags().DurationVar(&timeout, "timeout", 10*time.Minute, "how long to wait for the end")
	return cmd
}

// drainDonor begins a drain and waits until the donor has ended.
func drainDonor(ctx context.Context, out io.Writer, dir, name string) error {
	socket := status.Socket(dir)
	before, err := status.FetchDonor(ctx, socket)
	if err != nil {
		return donorError(name, err)
	}
	if err := status.Drain(ctx, socket); err != nil {
		return donorError(name, err)
	}
	p := progress{out: out, terminal: isTerminal(out), name: name, begun: time.Now()}
	slabs, bytes := lent(before)
	leftSlabs, leftBytes := slabs, bytes
	for {
		pid, alive, err := status.Holder(dir)
		if err != nil {
			return err
		}
		if !alive || pid != before.PID { // another may have started in its place
			return p.end(fmt.Sprintf("%s drained: %d slabs, %s, in %s", name, slabs, humanBytes(bytes), humanNanos(int64(time.Since(p.begun)))))
		}
		if d, err := status.FetchDonor(ctx, socket); err == nil && d.PID == before.PID {
			leftSlabs, leftBytes = lent(d)
			p.show(leftSlabs, leftBytes, bytes)
		}
		select {
		case <-ctx.Done():
			_ = p.end("")
			return fmt.Errorf("donor %s: %d slabs, %s, are not back yet; it goes on: ask again, or wait longer with --timeout",
				name, leftSlabs, humanBytes(leftBytes))
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

// progress is one line that is written over on a terminal, and nothing elsewhere.
type progress struct {
	out      io.Writer
	terminal bool
	name     string
	begun    time.Time
}

const progressWidth = 30

func (p *progress) show(slabs int, bytes, total int64) {
	if !p.terminal {
		return
	}
	done := progressWidth
	if total > 0 {
		done = int(progressWidth * (total - min(bytes, total)) / total)
	}
	bar := fmt.Sprintf("%.*s%.*s", done, "##############################", progressWidth-done, "..............................")
	fmt.Fprintf(p.out, "\r\x1b[K%s draining [%s] %d slabs, %s left", p.name, bar, slabs, humanBytes(bytes))
}

// end takes the progress away and writes a last line.
func (p *progress) end(line string) error {
	if p.terminal {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
	if line == "" {
		return nil
	}
	_, err := fmt.Fprintln(p.out, line)
	return err
}

// donorError says what to do about a donor that does not answer.
func donorError(name string, err error) error {
	switch {
	case errors.Is(err, status.ErrNoServer):
		return fmt.Errorf("donor %s: %w: start it with `farswap donor`", name, err)
	case errors.Is(err, status.ErrInvalid):
		return usage("donor %s: %w", name, err)
	default:
		return fmt.Errorf("donor %s: %w", name, err)
	}
}
