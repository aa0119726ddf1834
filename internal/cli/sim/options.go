package sim

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/internal/cli/command"
	"github.com/farswap/farswap/internal/cli/usage"
	"github.com/farswap/farswap/internal/owned"
	"github.com/farswap/farswap/sim"
	"github.com/farswap/farswap/sim/plots"
)

const maxWorkload = 1 << 20 // bytes of a file

// simOptions are the flags of every command that simulates.
type simOptions struct {
	workload string
	seed     uint64
	asJSON   bool
}

func (o *simOptions) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.workload, "workload", "", "TOML file of the cluster and its workloads, such as --print-workload writes; the paper's if not given")
	f.Uint64Var(&o.seed, "seed", 1, "what every choice follows from: the same seed gives the same result")
	command.JSONFlag(cmd, &o.asJSON)
}

// config returns a simulation of the real policies on the file's workload.
func (o *simOptions) config() (sim.Config, error) {
	text, from := sim.PaperWorkload(), "the paper's workload"
	if o.workload != "" {
		data, err := owned.Read(o.workload, maxWorkload)
		if err != nil {
			return sim.Config{}, usage.Errorf("workload: %w", err)
		}
		text, from = string(data), o.workload
	}
	w, err := sim.ParseWorkload(text)
	if err != nil {
		return sim.Config{}, usage.Errorf("%s: %w", from, err)
	}
	config := sim.DefaultConfig(w)
	config.Seed = o.seed
	return config, nil
}

// plotOptions are the flags of every command that draws.
type plotOptions struct {
	folder, format string
}

func (o *plotOptions) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.folder, "plot", "", "folder to draw into; nothing is drawn if not given")
	cmd.Flags().StringVar(&o.format, "plot-format", plots.Formats[0], "files to draw: "+strings.Join(plots.Formats, ", "))
}

// check refuses a format or a folder that cannot be used, before anything is computed.
func (o *plotOptions) check() error {
	if !slices.Contains(plots.Formats, o.format) {
		return usage.Errorf("--plot-format %q: want %s", o.format, strings.Join(plots.Formats, " or "))
	}
	if o.folder == "" {
		return nil
	}
	if err := os.MkdirAll(o.folder, 0o755); err != nil {
		return usage.Errorf("--plot %s: %w", o.folder, err)
	}
	return nil
}

// simulate runs work with a progress bar where there is a terminal. An error about the
// configuration is wrong usage.
func simulate(cmd *cobra.Command, work func(ctx context.Context, progress func(float64)) error) error {
	ctx, cancel := signal.NotifyContext(cmd.Context(), unix.SIGINT, unix.SIGTERM)
	defer cancel()
	bar := progressBar{w: io.Discard}
	if command.IsTerminal(cmd.ErrOrStderr()) {
		bar.w = cmd.ErrOrStderr()
	}
	err := work(ctx, bar.show)
	bar.clear()
	if errors.Is(err, sim.ErrConfig) {
		return usage.Wrap(err)
	}
	return err
}

// maxRuns bounds --runs, which multiplies the time.
const maxRuns = 1000
