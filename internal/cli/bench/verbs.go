package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/benchmarks"
	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/internal/cli/command"
	"github.com/farswap/farswap/internal/cli/flags"
	"github.com/farswap/farswap/internal/cli/usage"
	"github.com/farswap/farswap/verbs"
)

// verbsOptions are the flags of `bench verbs`.
type verbsOptions struct {
	donor     string
	transport string
	cert      string
	insecure  bool
	ops       []string
	sizes     []string
	depths    []int
	duration  time.Duration
	count     int64
	spin      time.Duration
	asJSON    bool
}

func verbsCommand(a *command.App) *cobra.Command {
	o := &verbsOptions{}
	cmd := &cobra.Command{
		Use:   "verbs [--donor HOST:PORT]",
		Short: "Measure latency and bandwidth of READ and WRITE in a donor's memory",
		Long: `verbs borrows 4M of a donor's memory and measures one-sided operations there, over
one connection driven by one thread, as a device drives it. The figures mean what
those of ib_read_lat (depth 1) and ib_write_bw (greater depths) mean: latency from
posting an operation to polling its completion, and operations per second with
--depth of them outstanding, each replaced at once. What was moved is checked.

Without --donor it starts a donor of its own on this machine and ends it.`,
		Example: "  farswap bench verbs --donor mem1:9400 --cert /etc/farswap/cert --op read --size 4K --depth 1",
		Args:    a.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, err := o.config(cmd.Flags().Changed)
			if err != nil {
				return err
			}
			ctx, cancel := signal.NotifyContext(cmd.Context(), unix.SIGINT, unix.SIGTERM)
			defer cancel()
			progress := io.Discard
			if command.IsTerminal(cmd.ErrOrStderr()) {
				progress = cmd.ErrOrStderr()
			}
			rows, err := measureVerbs(ctx, a.Log, o, config, progress)
			if rows == nil {
				return err
			}
			if o.asJSON {
				return errors.Join(err, command.PrintJSON(cmd.OutOrStdout(), rows))
			}
			return errors.Join(err, benchmarks.WriteVerbs(cmd.OutOrStdout(), rows))
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.donor, "donor", "", "HOST:PORT of the donor; one of its own on this machine if not given")
	f.StringVar(&o.transport, "transport", transportAuto, "how pages travel: auto, rdma or tcp")
	f.StringVar(&o.cert, "cert", "", "folder of this machine's identity, from farswap cert issue")
	f.BoolVar(&o.insecure, "insecure", false, "no TLS; for a donor on a loopback address only")
	f.StringSliceVar(&o.ops, "op", []string{"read", "write"}, "operations: read, write")
	f.StringSliceVar(&o.sizes, "size", []string{"4K", "64K", "1M"}, "sizes of an operation, 1 to 1M")
	f.IntSliceVar(&o.depths, "depth", []int{1, 64}, "operations outstanding, 1 to 256")
	f.DurationVar(&o.duration, "duration", 2*time.Second, "length of a row")
	f.Int64Var(&o.count, "ops", 0, "operations of a row, in place of --duration")
	f.DurationVar(&o.spin, "spin", defaultVerbsSpin, "longest time to poll for a completion before sleeping; RDMA only")
	command.JSONFlag(cmd, &o.asJSON)
	return cmd
}

// defaultVerbsSpin is what a device polls.
const defaultVerbsSpin = 100 * time.Microsecond

// config reads the flags. given says which of them were.
func (o *verbsOptions) config(given func(string) bool) (benchmarks.VerbsConfig, error) {
	c := benchmarks.VerbsConfig{Depths: o.depths, Duration: o.duration, Count: o.count, Spin: o.spin}
	switch o.transport {
	case transportAuto, transportRDMA, transportTCP:
	default:
		return c, usage.Errorf("--transport %q: want auto, rdma or tcp", o.transport)
	}
	switch {
	case o.donor == "" && given("cert"):
		return c, usage.Errorf("--cert means nothing without --donor: the donor of this machine's own is on a loopback address")
	case given("ops") && given("duration"):
		return c, usage.Errorf("--ops and --duration exclude each other")
	case given("ops") && o.count < 1:
		return c, usage.Errorf("--ops %d: want at least 1", o.count)
	case given("ops"):
		c.Duration = 0
	}
	for _, text := range o.ops {
		switch text {
		case verbs.OpRead.String():
			c.Ops = append(c.Ops, verbs.OpRead)
		case verbs.OpWrite.String():
			c.Ops = append(c.Ops, verbs.OpWrite)
		default:
			return c, usage.Errorf("--op %q: want read or write", text)
		}
	}
	for _, text := range o.sizes {
		size, err := flags.ParseSize(text)
		if err != nil {
			return c, usage.Errorf("--size: %w", err)
		}
		if size < 1 || size > verbs.MaxLength {
			return c, usage.Errorf("--size %s: want 1 to %v", text, flags.Size(verbs.MaxLength))
		}
		c.Sizes = append(c.Sizes, int(size))
	}
	return c, c.Validate()
}

// verbsDeadline bounds each step on the way to a connection.
const verbsDeadline = 10 * time.Second

// measureVerbs opens a session with the donor and measures over the first transport that
// connects. Without any row nothing was measured.
func measureVerbs(ctx context.Context, log zerolog.Logger, o *verbsOptions, c benchmarks.VerbsConfig, progress io.Writer) (rows []benchmarks.VerbsRow, err error) {
	address, insecure := o.donor, o.insecure
	if address == "" {
		own, err := startOwnDonor(ctx, o.transport)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, own.end()) }()
		address, insecure = own.address, true
	}
	id, err := flags.Identity(o.cert, "", insecure, []string{address})
	if err != nil {
		return nil, err
	}
	s, err := control.Dial(ctx, address, control.DialConfig{
		Device: control.NewUUID(), Name: "bench-verbs", SlabSize: verbsSlab, Identity: id, Insecure: insecure,
	})
	if err != nil {
		return nil, flags.BadName(err)
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	dev, conn, err := connectVerbs(ctx, log, s, o.transport, c.QP())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, dev.Close()) }()
	info, err := s.Map(ctx, 0, verbsSlab, false, dev.Name())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("borrow %v: %w", flags.Size(verbsSlab), err), conn.Close())
	}
	target := benchmarks.VerbsTarget{Device: dev, Conn: conn, Grant: verbs.Grant{Key: verbs.Key(info.Key), Length: info.Bytes}}
	rows, err = benchmarks.RunVerbs(ctx, c, target, progress)
	return rows, errors.Join(err, unmapVerbs(s))
}

// unmapVerbs gives the memory back, also after a signal.
func unmapVerbs(s *control.Session) error {
	ctx, cancel := context.WithTimeout(context.Background(), verbsDeadline)
	defer cancel()
	if s.Err() != nil {
		return nil // the memory went with the session
	}
	return s.Unmap(ctx, 0)
}

// connectVerbs connects over the transport that was asked for. With auto it tries RDMA first
// and TCP then.
func connectVerbs(ctx context.Context, log zerolog.Logger, s *control.Session, transport string, qp verbs.QPConfig) (verbs.Device, verbs.Conn, error) {
	names := []string{transport}
	if transport == transportAuto {
		names = []string{transportRDMA, transportTCP}
	}
	var reasons []error
	for _, name := range names {
		dev, conn, err := connectOver(ctx, s, name, qp)
		if err == nil {
			if len(reasons) > 0 {
				log.Info().Err(reasons[0]).Msg("measuring over " + name)
			}
			return dev, conn, nil
		}
		reasons = append(reasons, err)
	}
	return nil, nil, errors.Join(reasons...)
}

func connectOver(ctx context.Context, s *control.Session, name string, qp verbs.QPConfig) (verbs.Device, verbs.Conn, error) {
	dev, err := openTransport(name)
	if err != nil {
		return nil, nil, err
	}
	address := s.DataAddress(name)
	if address == "" {
		err = fmt.Errorf("the donor does not serve %s: see its log, or choose another --transport", strings.ToUpper(name))
		return nil, nil, errors.Join(err, dev.Close())
	}
	ctx, cancel := context.WithTimeout(ctx, verbsDeadline)
	defer cancel()
	w := s.Welcome()
	cred := verbs.Credential{Session: verbs.SessionID(w.Session), Secret: w.Secret}
	conn, err := dev.Connect(ctx, address, cred, qp)
	if err != nil {
		return nil, nil, errors.Join(err, dev.Close())
	}
	return dev, conn, nil
}
