package cluster

import (
	"context"
	"time"
)

// watch logs the begin and end of conflicts, and signals changes.
func (g *Gossip) watch(ctx context.Context) {
	known := map[Conflict]bool{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-g.members.event:
		}
		_, conflicts := g.members.settled()
		known = g.logConflicts(known, conflicts)
		g.changed.fire()
	}
}

// logConflicts logs each conflict once, and its end.
func (g *Gossip) logConflicts(known map[Conflict]bool, conflicts []Conflict) map[Conflict]bool {
	now := map[Conflict]bool{}
	local := g.announcer.local()
	for _, c := range conflicts {
		now[c] = true
		if known[c] {
			continue
		}
		event, text := g.log.Warn(), "two donors have one name: gossip refuses the later one"
		if local != nil && local.Name == c.Name && local.Address == c.Refused {
			event, text = g.log.Error(), "another donor has this one's name and was there first: no device will use this one: give it another name"
		}
		event.Str("name", c.Name).Str("kept", c.Address).Str("refused", c.Refused).Msg(text)
	}
	for c := range known {
		if !now[c] {
			g.log.Info().Str("name", c.Name).Str("refused", c.Refused).Msg("the donors' names differ again")
		}
	}
	return now
}

// announce makes the announcements of this member when they are due.
func (g *Gossip) announce(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		if wait, ok := g.announcer.due(time.Now()); ok {
			timer.Reset(wait)
		} else {
			timer.Stop()
		}
		select {
		case <-ctx.Done():
			return
		case <-g.announcer.poke:
			continue
		case <-timer.C:
		}
		if _, ok := g.announcer.due(time.Now()); !ok {
			continue
		}
		if err := g.announcer.renew(time.Now(), g.members.highestClaim()); err != nil {
			g.log.Error().Err(err).Msg("cannot announce the donor")
			continue
		}
		// The error says that no member has received it within a nanosecond; gossip goes on.
		_ = g.list.UpdateNode(time.Nanosecond)
	}
}
