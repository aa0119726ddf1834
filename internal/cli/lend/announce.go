package lend

import (
	"context"
	"net"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/farswap/farswap/cluster"
	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/donor"
	"github.com/farswap/farswap/internal/cli/advice"
	"github.com/farswap/farswap/internal/cli/command"
	"github.com/farswap/farswap/internal/cli/flags"
	"github.com/farswap/farswap/internal/cli/usage"
	"github.com/farswap/farswap/status"
)

// announcePeriod is the time between two updates of the gossip on what the donor has. The
// gossip decides which of them are worth a message.
const announcePeriod = time.Second

// checkAnnounce refuses an --announce that no device could use.
func (o *options) checkAnnounce(id *control.Identity) error {
	if o.announced == "" {
		return nil
	}
	if !o.cluster.Given() {
		return usage.Errorf("--announce means nothing without --gossip-key FILE (see `farswap cluster key`)")
	}
	address, err := announcedAs(o.announced, ":1") // the port is not known yet
	if err != nil {
		return usage.Errorf("--announce %q: %w", o.announced, err)
	}
	if id == nil && !flags.IsLoopback(address) {
		return usage.Errorf("--announce %q with --insecure: %w", o.announced, control.ErrInsecureAddress)
	}
	if err := covers(id, address); err != nil {
		return usage.Errorf("--announce %q: %w", o.announced, err)
	}
	return nil
}

// announcedAs is the control address to announce: as it was given, HOST or
// HOST:PORT, else the one that is bound.
func announcedAs(given, bound string) (string, error) {
	if given == "" {
		return bound, nil
	}
	if _, _, err := net.SplitHostPort(given); err == nil {
		return given, cluster.CheckAddress(given)
	}
	_, port, err := net.SplitHostPort(bound)
	if err != nil {
		return "", err
	}
	address := net.JoinHostPort(strings.Trim(given, "[]"), port)
	return address, cluster.CheckAddress(address)
}

// covers says whether devices will accept the certificate at an address. Without TLS there is
// no certificate, and every address passes.
func covers(id *control.Identity, address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil || id == nil {
		return err
	}
	return id.Covers(host)
}

// announce takes part in the cluster's gossip, if that is wanted, until leave is
// called. A donor that is drained takes its announcement back at once.
func (o *options) announce(ctx context.Context, d *donor.Donor, id *control.Identity, log zerolog.Logger) (g *cluster.Gossip, leave func() error, err error) {
	g, err = o.cluster.Open(ctx, log, false)
	if g == nil {
		return nil, func() error { return nil }, err
	}
	address, err := announcedAs(o.announced, d.Addr())
	if err == nil {
		address, err = g.Announced(address)
	}
	if err == nil {
		err = covers(id, address)
	}
	if err != nil {
		log.Warn().Str("error", command.OneLine(err)+advice.For(err)).Str("address", address).Msg("devices that find this donor by gossip will refuse it: announce a host of its certificate (--announce)")
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(announcePeriod)
		defer tick.Stop()
		said := ""
		for {
			if err := tell(g, d.Status(), address); err != nil && err.Error() != said {
				said = err.Error()
				log.Warn().Err(err).Msg("the donor cannot be announced")
			}
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	}()
	return g, func() error { cancel(); <-done; return g.Close() }, nil
}

// tell announces what a donor has, and where.
func tell(g *cluster.Gossip, s status.DonorDaemon, address string) error {
	if s.State == status.DonorDraining {
		g.Withdraw()
		return nil
	}
	return g.SetLocal(cluster.Announcement{
		Name: s.Name, Address: address, Free: min(s.Memory.Room, s.Memory.Total), Total: s.Memory.Total,
	})
}
