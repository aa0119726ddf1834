package lenders

import (
	"context"
	"slices"
	"time"

	"github.com/farswap/farswap/cluster"
	"github.com/farswap/farswap/status"
)

// firstDonors is how long a device without donors of its own waits for the first in the
// cluster.
const firstDonors = 15 * time.Second

// Addresses are a device's own donors and those that the source knows. Without donors of
// its own, a device waits for the first. source may be nil. The error wraps
// ErrEmptyCluster.
func Addresses(ctx context.Context, own []string, source cluster.Source) ([]string, error) {
	if source == nil {
		return own, nil
	}
	ctx, cancel := context.WithTimeout(ctx, firstDonors)
	defer cancel()
	for {
		all := slices.Clone(own)
		for _, d := range source.Donors() {
			if !slices.Contains(all, d.Address) && len(all) < MaxDonors {
				all = append(all, d.Address)
			}
		}
		if len(all) > 0 {
			return all, nil
		}
		select {
		case _, ok := <-source.Changed():
			if ok {
				continue
			}
		case <-ctx.Done():
		}
		return nil, refuse(ErrEmptyCluster, "no donor has shown up in the cluster within %v", firstDonors)
	}
}

// Follow uses donors that appear in a cluster, until ctx ends. A donor that vanishes stays
// in the roster: its session says when it is lost, and it is dialled until it is back. Once
// there are MaxDonors, further ones are ignored, which the journal and Ignored tell. One
// goroutine may call Follow, after Start.
func (l *Lenders) Follow(ctx context.Context, source cluster.Source) {
	told := 0
	for {
		var ignored []string
		for _, c := range source.Donors() {
			switch i := slices.IndexFunc(l.All(), func(d *Donor) bool { return d.address == c.Address }); {
			case i >= 0:
				l.hear(l.All()[i], c)
			case len(l.All()) < MaxDonors:
				l.join(c)
			default:
				ignored = append(ignored, c.Address)
			}
		}
		told = l.ignore(ignored, told)
		select {
		case <-ctx.Done():
			return
		case _, ok := <-source.Changed():
			if !ok {
				return
			}
		}
	}
}

// hear takes up what a donor announces.
func (l *Lenders) hear(d *Donor, c cluster.Donor) {
	before := d.announced
	d.announced = c.Free
	if c.Free > before && c.Free >= l.cfg.SlabSize {
		l.cfg.HasRoom()
	}
}

// ignore tells of donors for which the device has no place, when they are more than were told
// before. It returns how many are told.
func (l *Lenders) ignore(addresses []string, told int) int {
	l.ignored.Store(int64(len(addresses)))
	if len(addresses) > told {
		l.cfg.Journal.Warn(status.EventDonorIgnored, "donors of the cluster are ignored: the device has as many as it can have").
			With("donors", MaxDonors).With("ignored", len(addresses)).With("last", addresses[len(addresses)-1]).Tell()
	}
	return len(addresses)
}

// Ignored is how many donors of the cluster are ignored, because there are MaxDonors already.
func (l *Lenders) Ignored() int { return int(l.ignored.Load()) }

// join adds a donor while the device is in use.
func (l *Lenders) join(c cluster.Donor) {
	if l.cfg.Joined != nil {
		if err := l.cfg.Joined(c.Address); err != nil {
			l.cfg.Journal.Warn(status.EventDonorIgnored, "a donor of the cluster is ignored: it cannot be noted").
				With("address", c.Address).Because(err).Tell()
			return
		}
	}
	for _, q := range l.queues {
		q.AddLink()
	}
	d := l.add(c.Address)
	d.setName(c.Name)
	l.cfg.Journal.Info(status.EventDonorNew, "donor has appeared").Of("donor", d).With("name", c.Name).With("source", c.Source).Tell()
	l.keepers.Go(func() { l.keep(l.keeping, d, nil) })
}
