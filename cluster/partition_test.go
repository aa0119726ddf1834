package cluster

import (
	"errors"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"
)

// wall is a network that a test can cut in two.
type wall struct {
	mu   sync.Mutex      // guards what follows
	up   bool            // nothing passes between the sides
	side map[string]bool // gossip addresses of one side
}

func (w *wall) set(up bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.up = up
}

func (w *wall) put(n *node) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.side[n.Address()] = true
}

func (w *wall) between(side bool, address string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.up && w.side[address] != side
}

// walled is the transport of a member behind the wall.
type walled struct {
	memberlist.NodeAwareTransport
	wall *wall
	side bool
}

func (t *walled) WriteToAddress(b []byte, a memberlist.Address) (time.Time, error) {
	if t.wall.between(t.side, a.Addr) {
		return time.Now(), nil // lost
	}
	return t.NodeAwareTransport.WriteToAddress(b, a)
}

func (t *walled) DialAddressTimeout(a memberlist.Address, timeout time.Duration) (net.Conn, error) {
	if t.wall.between(t.side, a.Addr) {
		return nil, errors.New("no route to host")
	}
	return t.NodeAwareTransport.DialAddressTimeout(a, timeout)
}

// Two sides without a connection go on alone and become one cluster again when they have one. They settle
// a name that both sides gave away meanwhile.
func TestPartitionHeals(t *testing.T) {
	w := &wall{side: map[string]bool{}}
	member := func(side bool, join ...*node) *node {
		n := start(t, func(c *Config) {
			c.tune = func(c *memberlist.Config) {
				fast(c)
				c.GossipToTheDeadTime = 100 * time.Millisecond // the rejoin loop alone has to do it
				c.Transport = &walled{c.Transport.(memberlist.NodeAwareTransport), w, side}
			}
		}, join...)
		if side {
			w.put(n)
		}
		return n
	}
	a, b := member(false), member(true)
	a.set(t, "a", ":9001", 1)
	b.set(t, "b", ":9002", 1)
	if err := b.join(a.Address()); err != nil { // and no target to join later
		t.Fatal(err)
	}
	c, device, far := member(true, b), member(false, a), member(true, b)
	c.set(t, "c", ":9003", 1)
	all := []*node{a, b, c, device, far}
	wantListed(t, "a@127.0.0.1:9001 b@127.0.0.1:9002 c@127.0.0.1:9003", all...)

	w.set(true)
	wantListed(t, "a@127.0.0.1:9001", a, device)
	wantListed(t, "b@127.0.0.1:9002 c@127.0.0.1:9003", b, c, far)
	d := member(false, a)
	d.set(t, "c", ":9004", 1)
	wantListed(t, "a@127.0.0.1:9001 c@127.0.0.1:9004", a, device, d)

	w.set(false)
	all = append(all, d)
	eventually(t, func() string { return "the sides stay apart" }, func() bool {
		for _, n := range all {
			// The two claims may be equal. All members must see the same donor.
			if mine := n.Conflicts(); len(n.Donors()) != 3 || len(mine) != 1 || !slices.Equal(mine, a.Conflicts()) {
				return false
			}
		}
		return true
	})
	wantListed(t, listed(a), all...)
}
