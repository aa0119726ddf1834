package cluster

import (
	"errors"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
	"github.com/rs/zerolog"
)

const (
	maxLost  = 1024           // lost donors that a member tries to reach again
	lostKept = 24 * time.Hour // how long it tries
)

// members collects what memberlist's callbacks report. memberlist calls them one at a time and under its
// lock, so no method here waits or calls memberlist.
type members struct {
	self  string // name of this process
	log   zerolog.Logger
	now   func() time.Time
	event chan struct{} // something has changed
	doubt chan struct{} // there is a donor that is not confirmed yet

	answer chan struct{} // a donor has answered, or has not

	mu     sync.Mutex // guards the fields below
	byNode map[string]*member
	lost   map[string]time.Time // time of the loss of a donor, by gossip address
	stats  Stats
}

// member is one process of the cluster.
type member struct {
	gossip     string // address
	announced  announced
	seen       time.Time // time of its last announcement; zero: it is an observer
	complained bool      // the log has a line about its unreadable announcement

	// confirmed says that a process of this name has answered at its gossip address: see confirm.
	// asks counts the attempts that failed, and next is the time of the next one.
	confirmed bool
	asks      int
	next      time.Time
}

// counts reports whether a member is a donor that is there.
func (m *member) counts() bool { return !m.seen.IsZero() && m.confirmed }

func newMembers(self string, log zerolog.Logger, now func() time.Time) *members {
	return &members{
		self: self, log: log, now: now, event: make(chan struct{}, 1), doubt: make(chan struct{}, 1),
		answer: make(chan struct{}, 1), byNode: map[string]*member{}, lost: map[string]time.Time{},
	}
}

var _ memberlist.EventDelegate = (*members)(nil)

// NotifyJoin is part of memberlist.EventDelegate.
func (m *members) NotifyJoin(n *memberlist.Node) { m.update(n) }

// NotifyUpdate is part of memberlist.EventDelegate.
func (m *members) NotifyUpdate(n *memberlist.Node) { m.update(n) }

// NotifyLeave is part of memberlist.EventDelegate. memberlist does not say whether the member left or
// failed, so this member tries to reach a donor again in both cases. It does not try observers: they
// come and go on new ports, and look for donors themselves.
func (m *members) NotifyLeave(n *memberlist.Node) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if known := m.byNode[n.Name]; known != nil && known.counts() && len(m.lost) < maxLost {
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
	if known.gossip != n.Address() {
		known.gossip, known.confirmed, known.asks, known.next = n.Address(), n.Name == m.self, 0, time.Time{}
	}
	m.read(known, n.Meta)
	if known.seen.IsZero() || known.confirmed {
		m.changed()
		return
	}
	select {
	case m.doubt <- struct{}{}:
	default:
	}
}

// read takes the metadata of a member. It counts unreadable metadata and keeps the last good
// announcement.
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
		m.log.Warn().Err(err).Str("member", known.gossip).Msg("gossip ignores the announcement of a member")
	}
}

// changed wakes the watcher.
func (m *members) changed() {
	select {
	case m.event <- struct{}{}:
	default:
	}
}

// settled returns the donors that keep their names, and the conflicts.
func (m *members) settled() ([]Donor, []Conflict) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []claimant
	for node, known := range m.byNode {
		if known.counts() {
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

// highestClaim returns the highest claim of all other members, also of those that are not confirmed yet.
func (m *members) highestClaim() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	var highest uint64
	for node, known := range m.byNode {
		if node != m.self {
			highest = max(highest, known.announced.claim)
		}
	}
	return highest
}

// alive reports whether a member has a gossip address.
func (m *members) alive(address string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.at(address)
}

// at is alive for callers that hold mu. A donor that is not confirmed may be gone.
func (m *members) at(address string) bool {
	for _, known := range m.byNode {
		if known.gossip == address && (known.seen.IsZero() || known.confirmed) {
			return true
		}
	}
	return false
}

// missing returns the gossip addresses of at most n donors, lost within lostKept, in random order.
func (m *members) missing(n int) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var addresses []string
	for address, when := range m.lost { // Go walks maps in random order
		if time.Since(when) > lostKept || m.at(address) { // its next process may have joined before memberlist missed this one
			delete(m.lost, address)
		} else if len(addresses) < n {
			addresses = append(addresses, address)
		}
	}
	return addresses
}

// refusedKey counts a stream with another key or version. first is true for the first.
func (m *members) refusedKey() (first bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stats.Refused++
	return m.stats.Refused == 1
}

// known returns the number of members.
func (m *members) known() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.byNode)
}

func (m *members) counted() Stats {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.stats
	s.Members = len(m.byNode)
	return s
}
