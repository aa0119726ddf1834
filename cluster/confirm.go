package cluster

import (
	"context"
	"sync"
	"time"
)

// A packet of gossip is encrypted, but says nothing about when it was sent. Whoever has recorded one can send
// it again, for months, and so announce a donor that is gone. It would be listed again, and the live donor of
// that name refused, since its claim is later. So a donor counts only after its process has answered: this
// member dials the announced gossip address, and the listener there proves in the greeting, with fresh nonces,
// that it is that process. A process that has ended cannot. No clock takes part in this.

// Waits between two questions to a donor that does not answer, and questions at once.
const (
	firstAsk = time.Second
	lastAsk  = 30 * time.Second
	maxAsks  = 8
)

// doubtful is a donor to ask.
type doubtful struct{ node, address string }

// confirm asks donors until ctx ends.
func (g *Gossip) confirm(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-g.members.doubt:
		case <-timer.C:
		}
		due, wait := g.members.due(time.Now(), maxAsks)
		var wg sync.WaitGroup
		for _, d := range due {
			wg.Go(func() { g.ask(d) })
		}
		wg.Wait()
		if len(due) > 0 {
			wait = 0 // others may be due now
		}
		timer.Reset(wait)
	}
}

// askedAll waits until every donor that is known has been asked once, for streamTimeout at most.
func (g *Gossip) askedAll(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, streamTimeout)
	defer cancel()
	for g.members.unasked() {
		select {
		case <-g.members.answer:
		case <-ctx.Done():
			return
		}
	}
}

func (g *Gossip) ask(d doubtful) {
	there, err := g.transport.ask(d.address)
	if g.members.answered(d, err == nil && there.String() == d.node, time.Now()) {
		return
	}
	g.log.Debug().Err(err).Str("member", d.address).Str("node", d.node).Stringer("there", there).
		Msg("a donor is announced and does not answer at its gossip address: it is not listed")
}

// due returns at most n donors to ask now, and how long to wait when there is none.
func (m *members) due(now time.Time, n int) (list []doubtful, wait time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	wait = lastAsk
	for name, known := range m.byNode {
		if known.seen.IsZero() || known.confirmed {
			continue
		}
		if left := known.next.Sub(now); left > 0 {
			wait = min(wait, left)
		} else if len(list) < n {
			list = append(list, doubtful{name, known.gossip})
		}
	}
	return list, wait
}

// unasked reports whether there is a donor that has not been asked yet.
func (m *members) unasked() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, known := range m.byNode {
		if !known.seen.IsZero() && !known.confirmed && known.asks == 0 {
			return true
		}
	}
	return false
}

// answered takes the answer to a question, and returns whether the donor is confirmed.
func (m *members) answered(d doubtful, itself bool, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	defer func() {
		select {
		case m.answer <- struct{}{}:
		default:
		}
	}()
	known := m.byNode[d.node]
	if known == nil || known.gossip != d.address {
		return false
	}
	if !itself {
		known.next = now.Add(min(firstAsk<<min(known.asks, 5), lastAsk))
		known.asks++
		return false
	}
	known.confirmed = true
	m.changed()
	return true
}
