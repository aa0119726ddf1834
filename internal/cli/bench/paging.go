package bench

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/benchmarks"
	"github.com/farswap/farswap/internal/cli/command"
	"github.com/farswap/farswap/internal/cli/flags"
	"github.com/farswap/farswap/internal/cli/usage"
	"github.com/farswap/farswap/status"
)

func pagingCommand(a *command.App) *cobra.Command {
	var size flags.Size
	var patterns []string
	var asJSON bool
	var watch []string
	var device, root string
	config := benchmarks.PagingConfig{}
	cmd := &cobra.Command{
		Use:   "paging --size SIZE",
		Short: "Fill memory, read and write its pages at random, and check each one",
		Long: `paging fills memory of the given size, then reads and writes its pages at random
and checks the content of each. It swaps when its memory is limited, and the caller sets
the limit: without one below --size it measures RAM.

  systemd-run --scope -p MemoryMax=512M farswap bench paging --size 1G

SIGUSR1 ends the phase that is running, and the next one or the last check follows.`,
		Args: a.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			config.Size = int64(size)
			for _, p := range patterns {
				config.Patterns = append(config.Patterns, benchmarks.Pattern(p))
			}
			var err error
			if config.Watch, err = parseWatch(watch); err != nil {
				return err
			}
			if device != "" {
				id, err := flags.ParseDevice(device)
				if err != nil {
					return err
				}
				config.Device = func(ctx context.Context) (status.Device, error) {
					return status.Fetch(ctx, status.Socket(status.StateDir(root, id)))
				}
			}
			ctx, cancel := signal.NotifyContext(cmd.Context(), unix.SIGINT, unix.SIGTERM)
			defer cancel()
			end := make(chan os.Signal, 1)
			signal.Notify(end, unix.SIGUSR1)
			defer signal.Stop(end)
			config.End = end
			result, err := benchmarks.RunPaging(ctx, config, cmd.ErrOrStderr())
			if errors.Is(err, benchmarks.ErrConfig) {
				return err
			}
			if asJSON {
				return errors.Join(err, command.PrintJSON(cmd.OutOrStdout(), result))
			}
			return errors.Join(err, writeComparison(cmd.OutOrStdout(), []benchmarks.PagingResult{result}, false))
		},
	}
	f := cmd.Flags()
	f.Var(&size, "size", "memory to use")
	f.StringVar(&config.Name, "name", "swap", "name of the result, for bench compare")
	f.IntVar(&config.Threads, "threads", runtime.NumCPU(), "threads that access pages, 1 to 1024")
	f.StringSliceVar(&patterns, "pattern", []string{string(benchmarks.Uniform), string(benchmarks.Zipf)}, "order of access, one phase each: uniform, zipf")
	f.DurationVar(&config.Duration, "duration", 10*time.Second, "length of a phase; 0 for no limit")
	f.Int64Var(&config.Ops, "ops", 0, "accesses of a phase; 0 for no limit")
	f.Float64Var(&config.WriteShare, "write-share", 0.3, "part of the accesses that write, 0 to 1")
	f.Uint64Var(&config.Seed, "seed", 1, "what contents and order follow from")
	f.BoolVar(&config.NoSweep, "no-sweep", false, "do not check every page once more at the end")
	f.BoolVar(&config.PageOut, "page-out", false, "push all memory out to swap after the fill, so that reads bring in and throw out clean pages only")
	f.StringVar(&device, "device", "", "farswap device that is swapped on: record where its pages lie, fail if a donor got none")
	f.StringSliceVar(&watch, "watch", nil, "NAME=PID of a process whose cost is recorded; repeat it for more")
	flags.StateRoot(cmd, &root)
	command.JSONFlag(cmd, &asJSON)
	return cmd
}

// parseWatch reads NAME=PID.
func parseWatch(texts []string) ([]benchmarks.Process, error) {
	var processes []benchmarks.Process
	for _, text := range texts {
		name, number, _ := strings.Cut(text, "=")
		pid, err := strconv.Atoi(number)
		if err != nil || name == "" || pid <= 0 {
			return nil, usage.Errorf("--watch %q: want NAME=PID", text)
		}
		processes = append(processes, benchmarks.Process{Name: name, PID: pid})
	}
	return processes, nil
}
