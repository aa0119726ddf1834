package cluster

import (
	"time"

	"github.com/hashicorp/memberlist"
)

// Waits of a member.
const (
	streamTimeout = 3 * time.Second // to dial, to greet, and for each read and write of a stream
	lookupTimeout = 3 * time.Second // to look up the names in Config.Join
	leaveTimeout  = 2 * time.Second // to tell a member that this one leaves
)

// timing says when a member announces and joins.
type timing struct {
	announceMin time.Duration // between two announcements
	announceMax time.Duration // between two announcements, when nothing has changed
	rejoin      time.Duration // between two attempts to reach missing members, give or take a fifth
}

func (t timing) withDefaults() timing {
	if t.announceMin == 0 {
		t.announceMin = time.Second
	}
	if t.announceMax == 0 {
		t.announceMax = 10 * time.Second
	}
	if t.rejoin == 0 {
		t.rejoin = 5 * time.Second
	}
	return t
}

// lanConfig returns memberlist's configuration for one local network, with changes for a cluster of
// donors. It keeps memberlist's probes: a member has 500 ms to answer the probe of each second, then
// three others probe it, and the members suspect it for 4 s × log10 of their number before it counts as
// failed. That is slower than the sessions of devices, on purpose: a donor that is starved for two
// seconds should stay in all lists.
func lanConfig() *memberlist.Config {
	c := memberlist.DefaultLANConfig()
	// Nothing on a local network takes 10 s, and Close waits for streams.
	c.TCPTimeout = streamTimeout
	// Announcements are small, and each packet is encrypted separately. LZW costs more time than it
	// saves, and would unpack what a peer sends.
	c.EnableCompression = false
	// A full exchange brings an announcement that got lost on all other ways. 10 s is also the
	// period of announcements.
	c.PushPullInterval = 10 * time.Second
	// Until then an alive message that refutes a failure reaches a member. Later the rejoin loop
	// reaches it.
	c.GossipToTheDeadTime = 30 * time.Second
	// Members refuse plain messages. This package resolves names itself, with a deadline.
	c.GossipVerifyIncoming, c.GossipVerifyOutgoing = true, true
	c.DNSConfigPath = ""
	return c
}
