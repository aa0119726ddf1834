package cluster

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Bounds of one round of joining.
const (
	maxTargets = 16 // addresses of targets
	maxRegain  = 3  // lost donors
)

// joinTargets joins through every address of Config.Join at which it knows no member yet. It succeeds if
// it reaches a member, knows one already, or has no address to try. Errors wrap ErrNoMember and the
// reason of each failed attempt.
func (g *Gossip) joinTargets(ctx context.Context) error {
	var errs []error
	addresses := map[string]bool{}
	known := 0
	for _, target := range resolve(ctx, g.cfg.resolver, g.cfg.Join) {
		if target.err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", target.target, target.err))
		}
		for _, a := range target.addresses {
			switch address := a.String(); {
			case address == g.Address():
			case g.members.alive(address):
				known++
			case len(addresses) < maxTargets:
				addresses[address] = true
			}
		}
	}
	var wg sync.WaitGroup
	var mu sync.Mutex // guards known and errs
	for address := range addresses {
		wg.Go(func() {
			err := g.join(address)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				known++
			} else {
				errs = append(errs, fmt.Errorf("%s: %w", address, err))
			}
		})
	}
	wg.Wait()
	if known > 0 || len(errs) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrNoMember, errors.Join(errs...))
}

// join exchanges everything with the member at an address.
func (g *Gossip) join(address string) error {
	var joinErr error
	dialErr := g.transport.watching(address, func() { _, joinErr = g.list.Join([]string{address}) })
	if joinErr != nil && dialErr != nil {
		return dialErr
	}
	return joinErr
}

// rejoin tries to reach missing members until ctx ends.
func (g *Gossip) rejoin(ctx context.Context) {
	var last string
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(jitter(g.cfg.timing.rejoin)):
		}
		err := g.joinTargets(ctx)
		if ctx.Err() != nil {
			return
		}
		g.logJoin(err, &last)
		g.regain()
	}
}

// regain tries to reach some of the lost donors.
func (g *Gossip) regain() {
	var wg sync.WaitGroup
	for _, address := range g.members.missing(maxRegain) {
		wg.Go(func() {
			if err := g.join(address); err != nil {
				g.log.Debug().Err(err).Str("member", address).Msg("a lost donor is still gone")
			}
		})
	}
	wg.Wait()
}

// logJoin logs a reason once until it changes.
func (g *Gossip) logJoin(err error, last *string) {
	text := ""
	if err != nil {
		text = oneLine(err.Error())
	}
	if text == *last {
		return
	}
	*last = text
	if err != nil {
		g.log.Warn().Str("reason", text).Msg("no member to join answers: gossip tries again every few seconds")
	} else {
		g.log.Info().Msg("a member to join answers again")
	}
}
