package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/benchmarks"
	"github.com/farswap/farswap/internal/cli/command"
	"github.com/farswap/farswap/internal/cli/flags"
	"github.com/farswap/farswap/internal/cli/usage"
)

func loadCommand(a *command.App) *cobra.Command {
	var size flags.Size
	config := benchmarks.LoadConfig{}
	cmd := &cobra.Command{
		Use:   "load --path DEVICE --size SIZE",
		Short: "Read and write pages of a block device at a fixed rate, and check each one",
		Long: `load writes all pages of a device, then reads and writes single ones at random, at a
fixed rate, and checks each that it reads. What was on the device is lost.

Each line of standard input, NAME RATE, begins a phase with so many accesses a second;
0 rests. When standard input ends, all pages are read and checked once more, and the
latencies of each phase are written as JSON.`,
		Example: `  { echo before 500; sleep 10; echo during 500; farswap donor drain mem1; } |
      farswap bench load --path /dev/ublkb0 --size 1G`,
		Args: a.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			config.Size = int64(size)
			if err := config.Validate(); err != nil {
				return err
			}
			ctx, cancel := signal.NotifyContext(cmd.Context(), unix.SIGINT, unix.SIGTERM)
			defer cancel()
			ctx, fail := context.WithCancelCause(ctx)
			defer fail(nil)
			phases := make(chan benchmarks.LoadStart)
			go readPhases(ctx, cmd.InOrStdin(), phases, fail)
			result, err := benchmarks.RunLoad(ctx, config, phases, cmd.ErrOrStderr())
			if cause := context.Cause(ctx); cause != nil && errors.Is(err, context.Canceled) {
				err = cause
			}
			if result.FillSeconds == 0 { // nothing was measured
				return err
			}
			return errors.Join(err, command.PrintJSON(cmd.OutOrStdout(), result))
		},
	}
	f := cmd.Flags()
	f.StringVar(&config.Path, "path", "", "the block device")
	f.Var(&size, "size", "how much of it to use, from its start")
	f.IntVar(&config.Threads, "threads", 4, "threads that access pages, 1 to 1024: the most accesses at a time")
	f.Float64Var(&config.WriteShare, "write-share", 0.3, "part of the accesses that write, 0 to 1")
	f.Uint64Var(&config.Seed, "seed", 1, "what contents and order follow from")
	return cmd
}

// readPhases sends what the lines say, and closes phases at their end. A line that
// says nothing ends the load.
func readPhases(ctx context.Context, in io.Reader, phases chan<- benchmarks.LoadStart, fail func(error)) {
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		start, err := parsePhase(lines.Text())
		if err != nil {
			fail(err)
			return
		}
		select {
		case phases <- start:
		case <-ctx.Done():
			return
		}
	}
	if err := lines.Err(); err != nil {
		fail(fmt.Errorf("read phases: %w", err))
		return
	}
	close(phases)
}

func parsePhase(line string) (benchmarks.LoadStart, error) {
	fields := strings.Fields(line)
	if len(fields) != 2 {
		return benchmarks.LoadStart{}, usage.Errorf("phase %q: want NAME RATE", line)
	}
	rate, err := strconv.ParseFloat(fields[1], 64)
	if err != nil || !(rate >= 0 && rate <= 1e6) {
		return benchmarks.LoadStart{}, usage.Errorf("phase %q: want a rate from 0 to 1000000 accesses a second", line)
	}
	return benchmarks.LoadStart{Name: fields[0], Rate: rate}, nil
}
