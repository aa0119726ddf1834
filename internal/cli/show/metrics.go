package show

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	stdlog "log"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/internal/cli/command"
	"github.com/farswap/farswap/internal/cli/flags"
	"github.com/farswap/farswap/internal/cli/process"
	"github.com/farswap/farswap/internal/cli/usage"
	"github.com/farswap/farswap/internal/memory"
	"github.com/farswap/farswap/internal/refusals"
	"github.com/farswap/farswap/internal/webguard"
	"github.com/farswap/farswap/status/metrics"
)

const (
	defaultMetricsConfig = "/etc/farswap/metrics.toml"
	defaultMetricsListen = "127.0.0.1:9481"
	maxCgroups           = 1 << 16
)

// Limits of a scrape. Prometheus waits for 10 s by default.
const (
	scrapeRequest = 5 * time.Second
	scrapeAnswer  = time.Minute
	scrapeHeader  = 16 << 10 // bytes
)

// metricsOptions are the flags of `metrics`.
type metricsOptions struct {
	listen, cert, revoked, root string
	plain, once, slabs          bool
	cgroups                     int
}

// Metrics returns `farswap metrics`.
func Metrics(a *command.App) *cobra.Command {
	o := &metricsOptions{}
	cmd := &cobra.Command{
		Use:   "metrics",
		Short: "Serve the metrics of all devices and donors of this machine to Prometheus",
		Long: `metrics answers GET /metrics on --listen with what every device and donor of this machine
says about itself. It runs in the foreground until SIGTERM or SIGINT. Its user is the
servers' user, usually root. For systemd it is Type=notify. Prometheus gets histograms of
full resolution if it asks for native ones.

Anybody on this machine may read the metrics, by the names of this machine only. An address that other machines reach needs
--cert: the exporter then answers over TLS, and only viewers with a certificate of the same
authority (in Prometheus' tls_config: ca_file ca.crt, cert_file identity.crt, key_file
identity.key of an identity of its own). --plain answers everybody, without TLS. The metrics
name donors, certificates and control groups, and never hold contents of pages.

--once prints the metrics on standard output, for node_exporter's textfile collector.

Alerts for Prometheus are in contrib/prometheus, a dashboard is in contrib/grafana.`,
		Example: `  farswap metrics
  farswap metrics --listen :9481 --cert /etc/farswap/cert
  farswap metrics --once >/var/lib/node_exporter/farswap.new && mv /var/lib/node_exporter/farswap.{new,prom}`,
		Args: a.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.cgroups < 0 || o.cgroups > maxCgroups {
				return usage.Errorf("--cgroups %d: want 0 to %d", o.cgroups, maxCgroups)
			}
			if err := flags.CheckListen("listen", o.listen); err != nil {
				return err
			}
			exporter := o.exporter(a.Stamp.Here().Version)
			if !o.once {
				return o.serve(exporter, a.Log)
			}
			for _, name := range []string{"listen", "cert", "revoked", "plain"} {
				if cmd.Flags().Changed(name) {
					return usage.Errorf("--%s means nothing with --once", name)
				}
			}
			return writeMetrics(cmd.OutOrStdout(), exporter)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.listen, "listen", defaultMetricsListen, "HOST:PORT where metrics are served")
	f.StringVar(&o.cert, "cert", "", "`FOLDER` of this machine's identity, from farswap cert issue: serve over TLS, to identities of the same authority only")
	flags.Revoked(f, &o.revoked)
	f.BoolVar(&o.plain, "plain", false, "serve without TLS to everybody, also to other machines")
	f.BoolVar(&o.once, "once", false, "print the metrics and end")
	f.BoolVar(&o.slabs, "slabs", false, "series for every slab, too: many")
	f.IntVar(&o.cgroups, "cgroups", metrics.DefaultCgroups, "control groups of a device that have a histogram of their own; the rest is summed")
	flags.StateRoot(cmd, &o.root)
	command.WithConfig(cmd, defaultMetricsConfig)
	return cmd
}

func (o *metricsOptions) exporter(version string) *metrics.Exporter {
	options := metrics.Options{Cgroups: o.cgroups, Slabs: o.slabs, Version: version}
	if o.cgroups == 0 {
		options.Cgroups = -1
	}
	return metrics.New(o.root, options)
}

func writeMetrics(w io.Writer, e *metrics.Exporter) error {
	err := e.WriteText(w)
	if errors.Is(err, metrics.ErrState) {
		return fmt.Errorf("%w: run as the servers' user, usually root", err)
	}
	return err
}

// identity is that of the server, nil for none.
func (o *metricsOptions) identity() (*control.Identity, error) {
	if _, _, err := net.SplitHostPort(o.listen); err != nil {
		return nil, usage.Errorf("--listen %q: want HOST:PORT: %w", o.listen, err)
	}
	switch {
	case o.cert != "" && o.plain:
		return nil, usage.Errorf("--cert and --plain exclude each other")
	case o.cert == "" && o.revoked != "":
		return nil, usage.Errorf("--revoked means nothing without --cert FOLDER (see `farswap cert`)")
	case o.cert == "" && !o.plain && !flags.IsLoopback(o.listen):
		return nil, usage.Errorf("--listen %s is reached by other machines: give --cert FOLDER (see `farswap cert`), or --plain to answer everybody without TLS", o.listen)
	case o.cert == "":
		return nil, nil
	}
	return flags.OpenIdentity(o.cert, o.revoked, control.RoleViewer)
}

// refusedScrape says what net/http says, such as that a client has no certificate.
type refusedScrape struct{ said *refusals.Log }

// Write takes one line: "http: TLS handshake error from ADDRESS: REASON", or another.
func (r refusedScrape) Write(line []byte) (int, error) {
	const handshake = "TLS handshake error"
	text := strings.TrimSpace(string(line))
	_, rest, failed := strings.Cut(text, handshake+" from ")
	if !failed {
		r.said.Refused("", refusals.Other, errors.New(text))
		return len(line), nil
	}
	remote, why, _ := strings.Cut(rest, ": ")
	r.said.Refused(remote, handshake, errors.New(why))
	return len(line), nil
}

// handler answers scrapes. At a loopback address it is for this machine only, whatever name a page in a
// browser has for it.
func (o *metricsOptions) handler(e *metrics.Exporter) http.Handler {
	answer := e.Handler()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		if webguard.Allowed(w, r) {
			answer.ServeHTTP(w, r)
		}
	})
	if flags.IsLoopback(o.listen) {
		return webguard.OnlyLoopback(mux)
	}
	return mux
}

// serve answers until a signal.
func (o *metricsOptions) serve(e *metrics.Exporter, log zerolog.Logger) error {
	if err := memory.Hide(); err != nil {
		return err
	}
	id, err := o.identity()
	if err != nil {
		return err
	}
	end := process.WatchSignals()
	defer end.Close()
	bound, err := webguard.Listen(o.listen)
	if err != nil {
		return fmt.Errorf("serve metrics: %w: another exporter may run here, choose another --listen", err)
	}
	scheme, listener := "http", net.Listener(bound)
	if id != nil {
		scheme, listener = "https", tls.NewListener(listener, id.ServerConfig(control.RoleViewer))
	}
	files := process.Files{Identity: id, Log: log}
	var following sync.WaitGroup
	following.Go(func() { files.Follow(end.Early, end.Again) })
	defer func() { end.End(); following.Wait() }()
	said := refusals.New(log, "a scrape is refused")
	defer said.Close()
	server := &http.Server{
		Handler: o.handler(e), ReadTimeout: scrapeRequest, WriteTimeout: scrapeAnswer, IdleTimeout: 2 * scrapeAnswer,
		ErrorLog: stdlog.New(refusedScrape{said}, "", 0), MaxHeaderBytes: scrapeHeader,
	}
	webguard.Bound(server)
	url := fmt.Sprintf("%s://%s/metrics", scheme, listener.Addr())
	log.Info().Str("url", url).Bool("plain", o.plain).Msg("serving metrics")
	process.Ready(log, url)
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	select {
	case err := <-done:
		return fmt.Errorf("serve metrics: %w", err)
	case <-end.Early.Done():
	}
	process.Stopping(log)
	ctx, cancel := context.WithTimeout(context.Background(), scrapeRequest)
	defer cancel()
	err = server.Shutdown(ctx)
	if err != nil { // a scrape that takes too long loses its connection
		err = server.Close()
	}
	<-done
	return err
}
