package cluster

import (
	"time"

	"github.com/hashicorp/memberlist"
)

// Waits of a member.
const (
	streamTimeout = 3 * time.Second // to dial, to greet, and of each read and write of a stream
	lookupTimeout = 3 * time.Second // of the names in Config.Join
	leaveTimeout  = 2 * time.Second // to tell some member that this one leaves
)

// timing is when a member speaks up.
type timing struct {
	announceMin time.Duration // between two announcements
	announceMax time.Duration // between two announcements, when nothing has changed
	rejoin      time.Duration // between two attempts to reach who is missing, give or take a fifth
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

// lanConfig is memberlist's configuration for one local network, changed where a
// cluster of donors differs. What stays as it is there: a member is probed every
// second, with 500 ms to answer and three others to ask it instead, and is
// suspected for 4 s × log10 of the members before it counts as failed. That is
// slower than a device notices by its session, on purpose: a donor that is
// starved for two seconds should not leave everybody's list.
func lanConfig() *memberlist.Config {
	c := memberlist.DefaultLANConfig()
	// Nothing on a local network takes 10 s, and Close waits for streams.
	c.TCPTimeout = streamTimeout
	// Announcements are small and encrypted one packet at a time: LZW costs more
	// time than it saves, and unpacks what a peer sends.
	c.EnableCompression = false
	// An announcement that was lost on all its ways comes with the comparison of
	// everything; 10 s is the period of announcements, too.
	c.PushPullInterval = 10 * time.Second
	// An alive message that refutes a failure reaches a member until then; later
	// the rejoin loop does.
	c.GossipToTheDeadTime = 30 * time.Second
	// Plain messages are not taken, and names are resolved here, with a deadline.
	c.GossipVerifyIncoming, c.GossipVerifyOutgoing = true, true
	c.DNSConfigPath = ""
	return c
}
