package main

import (
	"context"
	"time"

	"github.com/rs/zerolog"

	"farswap/cluster"
	"farswap/donor"
	"farswap/status"
)

// announcePeriod is how often a donor tells its gossip what it has. That decides
// itself when it is worth a message.
const announcePeriod = time.Second

// announce takes part in the cluster's gossip, if that is wanted, until leave is
// called. A donor that is drained takes its announcement back at once.
func (o *donorOptions) announce(ctx context.Context, d *donor.Donor, log zerolog.Logger) (leave func() error, err error) {
	g, err := o.cluster.gossip(ctx, log, false)
	if g == nil {
		return func() error { return nil }, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(announcePeriod)
		defer tick.Stop()
		said := ""
		for {
			if err := tell(g, d.Status()); err != nil && err.Error() != said {
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
	return func() error { cancel(); <-done; return g.Close() }, nil
}

// tell announces what a donor has.
func tell(g *cluster.Gossip, s status.DonorDaemon) error {
	if s.State == status.DonorDraining {
		g.Withdraw()
		return nil
	}
	return g.SetLocal(cluster.Announcement{
		Name: s.Name, Address: s.Address, Free: min(s.Memory.Room, s.Memory.Total), Total: s.Memory.Total,
	})
}
