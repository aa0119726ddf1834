package show

import (
	"fmt"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/dash/feed"
	"github.com/farswap/farswap/dash/web"
	"github.com/farswap/farswap/internal/cli/command"
	"github.com/farswap/farswap/internal/cli/flags"
	"github.com/farswap/farswap/internal/cli/process"
	"github.com/farswap/farswap/internal/cli/usage"
	"github.com/farswap/farswap/internal/memory"
)

// Dash returns `farswap dash`.
func Dash(a *command.App) *cobra.Command {
	var c web.Config
	var token, cert, revoked string
	cmd := &cobra.Command{
		Use:   "dash",
		Short: "Show devices and donors on a web page",
		Long: `dash serves a page with the devices and donors of this machine, and of the machines
whose dashboards --peer names.

  farswap dash                                             http://127.0.0.1:9480, for this machine
  farswap dash --listen :9480 --cert ID                    for browsers with a certificate, and peers
  farswap dash --listen :9480 --cert ID --token-file F     for browsers that know the token, too
  farswap dash --cert ID --peer db1:9480 --peer mem1:9480  the whole cluster on this machine's page

Without a token, everybody on this machine can read the page at a loopback address.`,
		Args: a.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := memory.Hide(); err != nil {
				return err
			}
			var err error
			if token != "" {
				if c.Token, err = web.ReadToken(token); err != nil {
					return err
				}
			}
			if revoked != "" && cert == "" {
				return usage.Errorf("--revoked means nothing without --cert FOLDER (see `farswap cert`)")
			}
			if cert != "" {
				if c.Identity, err = flags.OpenIdentity(cert, revoked, control.RoleViewer); err != nil {
					return err
				}
			}
			if c.Interval < feed.MinInterval || c.Interval > feed.MaxInterval {
				return usage.Errorf("--interval %v: want %v to %v", c.Interval, feed.MinInterval, feed.MaxInterval)
			}
			c.Log = a.Log
			s, err := web.New(c)
			if err != nil {
				return err
			}
			signals := process.WatchSignals()
			defer signals.Close()
			files := process.Files{Identity: c.Identity, Log: a.Log}
			var following sync.WaitGroup
			following.Go(func() { files.Follow(signals.Early, signals.Again) })
			defer func() { signals.End(); following.Wait() }()
			a.Log.Info().Str("url", s.URL()).Msg("dashboard is served")
			if _, err := fmt.Fprintln(cmd.OutOrStdout(), s.URL()); err != nil {
				a.Log.Warn().Err(err).Msg("nobody reads the page's address")
			}
			return s.Serve(signals.Early)
		},
	}
	f := cmd.Flags()
	f.StringVar(&c.Listen, "listen", web.DefaultListen, "HOST:PORT of the page; another address than loopback needs --cert")
	f.StringVar(&cert, "cert", "", "folder of this machine's identity: TLS for other addresses than loopback, and for peers")
	flags.Revoked(f, &revoked)
	f.StringVar(&token, "token-file", "", "file with a token that lets browsers in without a certificate")
	f.StringArrayVar(&c.Peers, "peer", nil, "HOST:PORT of another machine's dashboard to show as well; repeat it for more")
	f.DurationVar(&c.Interval, "interval", time.Second, "time between two questions to each server")
	flags.StateRoot(cmd, &c.Root)
	command.WithConfig(cmd, "/etc/farswap/dash.toml")
	return cmd
}
