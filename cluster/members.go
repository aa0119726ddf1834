package cluster

import (
	"errors"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
	"github.com/rs/zerolog"
)

const (
	maxLost  = 1024           // donors that are looked for after they were lost
	lostKept = 24 * time.Hour // and for how long
)

// members is what memberlist's callbacks tell. They come one at a time, under
// memberlist's lock, so nothing here waits or calls back.
type members struct {
	log   zerolog.Logger
	now   func() time.Time
	event chan struct{} // something has changed

	mu     sync.Mutex // guards what follows
	byNode map[string]*member
	lost   map[string]time.Time // when a donor was lost, by gossip address
	stats  Stats
}

// member is one process of the cluster.
type member struct {
	gossip     string // address
	announced  announced
	seen       time.Time // zero: it has announced nothing, it is an observer
	complained bool      // about its garbage
}

func newMembers(log zerolog.Logger, now func() time.Time) *members {
	return &members{log: log, now: now, event: make(chan struct{}, 1), byNode: map[string]*member{}, lost: map[string]time.Time{}}
}

var _ memberlist.EventDelegate = (*members)(nil)

// NotifyJoin is part of memberlist.EventDelegate.
func (m *members) NotifyJoin(n *memberlist.Node) { m.update(n) }

// NotifyUpdate is part of memberlist.EventDelegate.
func (m *members) NotifyUpdate(n *memberlist.Node) { m.update(n) }

// NotifyLeave is part of memberlist.EventDelegate. Whether the member left or
// failed is not told: a donor is looked for in both cases. Observers are not, who
// come and go on ever new ports, and look for donors themselves.
func (m *members) NotifyLeave(n *memberlist.Node) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if known := m.byNode[n.Name]; known != nil && !known.seen.IsZero() && len(m.lost) < maxLost {
		m.lost[known.gossip] = time.Now()
	}
	delete(m.byNode, n.Name)
	m.changed()
}

func (m *members) update(n *memberlist.Node) {
	m.mu.Lock()
	defer m.mu.Unlock()
	known := m.byNode[n.Name]
	if known == nil {
		known = &member{}
		m.byNode[n.Name] = known
	}
	known.gossip = n.Address()
	m.read(known, n.Meta)
	m.changed()
}

// read takes a member's metadata. What cannot be read is counted, and the last
// good announcement stays.
func (m *members) read(known *member, meta []byte) {
	if len(meta) == 0 {
		known.announced, known.seen = announced{}, time.Time{}
		return
	}
	a, err := decode(meta)
	if err == nil {
		known.announced, known.seen = a, m.now()
		return
	}
	if errors.Is(err, ErrNewer) {
		m.stats.Newer++
	} else {
		m.stats.Garbage++
	}
	if !known.complained {
		known.complained = true
		m.log.Warn().Err(err).Str("member", known.gossip).Msg("a member's announcement is ignored")
	}
}

// changed wakes the watcher.
func (m *members) changed() {
	select {
	case m.event <- struct{}{}:
	default:
	}
}

// settled are the donors that count, and the conflicts.
func (m *members) settled() ([]Donor, []Conflict) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []claimant
	for node, known := range m.byNode {
		if !known.seen.IsZero() {
			all = append(all, claimant{node, known.announced})
		}
	}
	winners, conflicts := settle(all)
	donors := make([]Donor, 0, len(winners))
	for _, w := range winners {
		donors = append(donors, Donor{
			Name: w.Name, Address: w.Address, Free: w.Free, Total: w.Total, Up: w.up,
			Seen: m.byNode[w.node].seen, Source: "gossip",
		})
	}
	return donors, conflicts
}

// highestClaim is of all members but one.
func (m *members) highestClaim(except string) uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	var highest uint64
	for node, known := range m.byNode {
		if node != except {
			highest = max(highest, known.announced.claim)
		}
	}
	return highest
}

// alive says whether a member is at a gossip address.
func (m *members) alive(address string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.at(address)
}

// at is alive for callers who hold mu.
func (m *members) at(address string) bool {
	for _, known := range m.byNode {
		if known.gossip == address {
			return true
		}
	}
	return false
}

// missing are the gossip addresses of at most n donors that were lost, no longer
// than lostKept ago, in no order.
func (m *members) missing(n int) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var addresses []string
	for address, when := range m.lost { // a random few: maps are walked so
		if time.Since(when) > lostKept || m.at(address) { // its next process may have come before it was missed
			delete(m.lost, address)
		} else if len(addresses) < n {
			addresses = append(addresses, address)
		}
	}
	return addresses
}

// refusedKey counts a stream of another key, or another version.
func (m *members) refusedKey() (first bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stats.Refused++
	return m.stats.Refused == 1
}

func (m *members) counted() Stats {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.stats
	s.Members = len(m.byNode)
	return s
}
