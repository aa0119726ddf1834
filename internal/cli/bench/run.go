package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/benchmarks/backend"
	"github.com/farswap/farswap/benchmarks/harness"
	"github.com/farswap/farswap/benchmarks/report"
	"github.com/farswap/farswap/benchmarks/workload"
	"github.com/farswap/farswap/internal/cli/command"
	"github.com/farswap/farswap/internal/cli/launch"
	"github.com/farswap/farswap/internal/cli/usage"
)

// The workloads and backends that run if the command line names none, as far as this machine
// has what they need.
var (
	defaultWorkloads = []string{"memcached-etc", "pagerank", "gups"}
	defaultBackends  = []string{harness.Reference, "disk", "zram", "nbd", "farswap-tcp"}
)

// benchOptions are the flags of bench run.
type benchOptions struct {
	workloads, backends, limits []string
	plan                        harness.Plan
	duration, timeLimit         time.Duration
	size, dir                   string
	bytes                       int64 // what size means
	file, html                  string
	skipMissing, otherSwap      bool
	compare                     compareOptions
}

func runCommand(a *command.App) *cobra.Command {
	o := benchOptions{}
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Measure applications on swap backends, under memory limits, in turns",
		Long: `run measures how applications do on this machine with farswap and with other swap,
each in a control group with a part of the memory that it needs, against the same
application without a limit. It takes root, makes and removes swap areas, and drops the
page cache; what is on --device is overwritten. Each run is kept in the result file
at once: the same command goes on where it was interrupted.

  farswap bench list
  farswap bench run --workload gups --backend zram --limit 50% --runs 5 --json gups.json
  farswap bench report gups.json --html gups.html`,
		Args: a.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return measureAll(a, cmd, &o) },
	}
	f := cmd.Flags()
	f.StringSliceVar(&o.workloads, "workload", nil, "workloads, see bench list; repeat it or use commas (default "+strings.Join(defaultWorkloads, ",")+", as far as this machine has them)")
	f.StringSliceVar(&o.backends, "backend", nil, "backends beside none (default "+strings.Join(defaultBackends[1:], ",")+", as far as this machine has them)")
	f.StringSliceVar(&o.limits, "limit", []string{"100%", "75%", "50%", "25%"}, "memory limits, in percent of the workload's peak")
	f.IntVar(&o.plan.Runs, "runs", 5, "runs of each; fewer allow no verdict")
	f.IntVar(&o.plan.Warmup, "warmup", 1, "runs before those, whose figures are thrown away")
	f.DurationVar(&o.duration, "duration", 30*time.Second, "how long a server is loaded")
	f.DurationVar(&o.timeLimit, "time-limit", 10*time.Minute, "how long a run may take, filling included; it has failed then")
	f.StringVar(&o.size, "size", string(workload.Small), "memory of the workloads: small, medium, paper or a size")
	f.StringVar(&o.plan.Device, "device", "", "block device for the backends that need one; what is on it is overwritten")
	f.StringVar(&o.dir, "dir", benchDir, "folder for files of runs, on a disk")
	f.StringVar(&o.file, "json", "farswap-bench.json", "result file; a file that is there is continued")
	f.StringVar(&o.html, "html", "", "file for the report as a page")
	f.Uint64Var(&o.plan.Seed, "seed", 1, "what the intervals follow from")
	f.BoolVar(&o.skipMissing, "skip-missing", false, "leave out what this machine lacks something for")
	f.BoolVar(&o.otherSwap, "other-swap", false, "measure although the machine swaps to something else, too")
	o.compare.register(cmd)
	return cmd
}

func measureAll(a *command.App, cmd *cobra.Command, o *benchOptions) error {
	workloads, backends, err := o.choose(cmd)
	if err != nil {
		return err
	}
	if err := o.compare.check(); err != nil {
		return err
	}
	if o.html != "" {
		if info, err := os.Stat(filepath.Dir(o.html)); err != nil || !info.IsDir() {
			return usage.Errorf("--html %s: %s is no folder", o.html, filepath.Dir(o.html))
		}
	}
	if err := harness.CheckMachine(); err != nil {
		return err
	}
	if workloads, backends, err = withoutMissing(a.Log, o, workloads, backends); err != nil {
		return err
	}
	for _, w := range workloads {
		o.plan.Workloads = append(o.plan.Workloads, w.Name)
	}
	for _, b := range backends {
		o.plan.Backends = append(o.plan.Backends, b.Name)
	}
	if err := o.plan.Validate(); err != nil {
		return err
	}
	store, self, err := openBenchStore(a, o)
	if err != nil {
		return err
	}
	ctx, cancel := signal.NotifyContext(cmd.Context(), unix.SIGINT, unix.SIGTERM)
	defer cancel()
	if err := measure(ctx, a.Log, cmd, o, &harness.Runner{
		Workloads: workloads, Backends: backends, Store: store, Dir: o.dir, Farswap: self, OtherSwap: o.otherSwap,
	}); err != nil {
		return err
	}
	if err := report.Text(cmd.OutOrStdout(), store.File); err != nil {
		return err
	}
	if o.html != "" {
		if err := writeHTML(o.html, store.File); err != nil {
			return err
		}
	}
	return o.compare.write(cmd.OutOrStdout(), store.File)
}

// measure runs the plan, with a line that says how far it is.
func measure(ctx context.Context, log zerolog.Logger, cmd *cobra.Command, o *benchOptions, r *harness.Runner) error {
	line := newBenchProgress(cmd.ErrOrStderr())
	defer line.close()
	r.Log = func(format string, args ...any) { log.Debug().Msgf(format, args...) }
	r.Warn = func(format string, args ...any) {
		line.hide()
		log.Warn().Msgf(format, args...)
	}
	r.Progress = line.show
	err := r.Run(ctx)
	if errors.Is(err, harness.ErrInterrupted) {
		return fmt.Errorf("%w: %d of %d runs are in %s; the same command goes on from there", err, len(r.Store.File.Runs), len(r.Store.File.Plan.Steps()), o.file)
	}
	return err
}

// choose finds the workloads and backends that were asked for, the reference first.
func (o *benchOptions) choose(cmd *cobra.Command) ([]workload.Workload, []backend.Backend, error) {
	wanted := func(flag string, names, defaults []string) []string {
		if !cmd.Flags().Changed(flag) {
			return defaults
		}
		return names
	}
	names := wanted("workload", o.workloads, defaultWorkloads)
	workloads, err := named("workload", workload.All(), func(w workload.Workload) string { return w.Name }, names)
	if err != nil {
		return nil, nil, err
	}
	names = slices.DeleteFunc(slices.Clone(wanted("backend", o.backends, defaultBackends)), func(name string) bool { return name == harness.Reference })
	backends, err := named("backend", backend.All(), func(b backend.Backend) string { return b.Name }, append([]string{harness.Reference}, names...))
	if err != nil {
		return nil, nil, err
	}
	o.plan.Duration, o.plan.TimeLimit = harness.Seconds(o.duration.Seconds()), harness.Seconds(o.timeLimit.Seconds())
	bytes, err := workBytes(o.size)
	if err != nil {
		return nil, nil, err
	}
	o.bytes, o.plan.Size = bytes, workload.Size(o.size)
	if _, err := o.plan.Size.Bytes(); err != nil {
		o.plan.Size = workload.Size(strconv.FormatInt(bytes, 10))
	}
	for _, text := range o.limits {
		limit, err := harness.ParseLimit(text)
		if err != nil {
			return nil, nil, err
		}
		o.plan.Limits = append(o.plan.Limits, limit)
	}
	// The plan is checked with all names. Some of them may still be left out.
	check := o.plan
	for _, w := range workloads {
		check.Workloads = append(check.Workloads, w.Name)
	}
	check.Backends = append([]string{harness.Reference}, names...)
	return workloads, backends, check.Validate()
}

// withoutMissing leaves out workloads and backends for which this machine lacks something. It
// refuses to leave out those that the command line names, unless --skip-missing is given.
func withoutMissing(log zerolog.Logger, o *benchOptions, workloads []workload.Workload, backends []backend.Backend) ([]workload.Workload, []backend.Backend, error) {
	var refused []string
	lacks := func(named bool, name, what string) bool {
		switch {
		case what == "":
			return false
		case named && !o.skipMissing:
			refused = append(refused, name+" lacks "+what)
		default:
			log.Warn().Msgf("%s is left out: this machine lacks %s", name, what)
		}
		return true
	}
	workloads = slices.DeleteFunc(workloads, func(w workload.Workload) bool {
		return lacks(len(o.workloads) > 0, w.Name, missingCommands(w))
	})
	options := backendOptions(o.bytes, o.dir, o.plan.Device)
	backends = slices.DeleteFunc(backends, func(b backend.Backend) bool {
		err := b.Lacks(options)
		return err != nil && lacks(len(o.backends) > 0, b.Name, command.OneLine(err))
	})
	if len(refused) > 0 {
		return nil, nil, fmt.Errorf("%s: get it, or leave it out with --skip-missing", strings.Join(refused, "; "))
	}
	return workloads, backends, nil
}

// openBenchStore begins the result file, or continues the one that is there.
func openBenchStore(a *command.App, o *benchOptions) (*harness.Store, string, error) {
	if info, err := os.Stat(o.dir); err != nil || !info.IsDir() {
		return nil, "", usage.Errorf("--dir %s is no folder", o.dir)
	}
	self, err := os.Executable()
	if err != nil {
		return nil, "", fmt.Errorf("find this program: %w", err)
	}
	files := []string{self}
	if server, err := launch.Find(); err == nil { // without it the backends of farswap fail by themselves
		files = append(files, server)
	}
	build, err := harness.ProgramBuild(files...)
	if err != nil {
		return nil, "", err
	}
	v := a.Stamp.Here()
	environment, err := harness.ReadEnvironment(harness.Program{Version: v.Version, Commit: v.Commit, Build: build, Go: v.Go})
	if err != nil {
		return nil, "", err
	}
	store, err := harness.OpenStore(o.file, harness.File{
		Started: time.Now().UTC().Truncate(time.Second), Command: "farswap " + strings.Join(a.Args, " "),
		Environment: environment, Plan: o.plan,
	})
	return store, self, err
}
