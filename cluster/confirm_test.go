package cluster

import (
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"
	"github.com/rs/zerolog"
)

// tap is a transport that keeps what comes over UDP, as somebody on the network can.
type tap struct {
	memberlist.NodeAwareTransport
	packets chan *memberlist.Packet
	ended   chan struct{}

	mu   sync.Mutex // guards seen
	seen [][]byte
}

func newTap(t *testing.T, inner memberlist.Transport) *tap {
	t.Helper()
	w := &tap{NodeAwareTransport: inner.(memberlist.NodeAwareTransport), packets: make(chan *memberlist.Packet), ended: make(chan struct{})}
	t.Cleanup(func() { close(w.ended) })
	go func() {
		for {
			select {
			case p := <-inner.PacketCh():
				w.mu.Lock()
				w.seen = append(w.seen, slices.Clone(p.Buf))
				w.mu.Unlock()
				select {
				case w.packets <- p:
				case <-w.ended:
					return
				}
			case <-w.ended:
				return
			}
		}
	}()
	return w
}

func (w *tap) PacketCh() <-chan *memberlist.Packet { return w.packets }

func (w *tap) recorded() [][]byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.seen)
}

// has reports whether memberlist counts a process as a member.
func (m *members) has(n nodeID) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.byNode[n.String()] != nil
}

// Somebody without the key records the gossip of a donor, and sends it again after the donor has ended and
// another one has its name. The other one stays listed, and no conflict is reported.
func TestReplayedGossipListsNoDonor(t *testing.T) {
	var wire *tap
	a := start(t, func(c *Config) {
		c.tune = func(m *memberlist.Config) {
			fast(m)
			m.GossipToTheDeadTime = time.Millisecond // memberlist forgets the dead at once, and takes old news of them
			wire = newTap(t, m.Transport)
			m.Transport = wire
		}
	})
	c, _ := config(a)
	old, err := OpenGossip(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	dead := &node{old, nil}
	dead.set(t, "m", "127.0.0.1:9001", 1<<30)
	wantListed(t, "m@127.0.0.1:9001", a)
	dead.set(t, "m", "127.0.0.1:9001", 1<<20) // such a change travels over UDP
	eventually(t, func() string { return "the change does not arrive" }, func() bool {
		d := a.Donors()
		return len(d) == 1 && d[0].Free == 1<<20
	})
	if err := old.close(false); err != nil {
		t.Fatal(err)
	}
	wantListed(t, "", a)
	donor(t, "m", "127.0.0.1:9002", a) // a higher address: it has the later claim
	wantListed(t, "m@127.0.0.1:9002", a)

	attacker, err := net.Dial("udp", a.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer attacker.Close()
	packets := wire.recorded()
	for back := 0; back < 3; {
		for _, p := range packets {
			_, _ = attacker.Write(p)
		}
		eventually(t, func() string { return "memberlist does not take the recorded gossip: the test shows nothing" }, func() bool {
			for _, p := range packets {
				_, _ = attacker.Write(p)
			}
			return a.members.has(old.self)
		})
		for a.members.has(old.self) {
			if got := listed(a); got != "m@127.0.0.1:9002" {
				t.Fatalf("listed: %q", got)
			}
			if conflicts := a.Conflicts(); len(conflicts) > 0 {
				t.Fatalf("conflicts: %v", conflicts)
			}
			time.Sleep(time.Millisecond)
		}
		back++
	}
}

// A donor that cannot be reached at once is asked again, ever more seldom, and listed when it answers.
func TestDonorsAreAskedUntilTheyAnswer(t *testing.T) {
	m := newMembers("self", zerolog.Nop(), time.Now)
	meta, err := announced{Announcement: Announcement{Name: "m", Address: "127.0.0.1:9001", Free: 1, Total: 1}, claim: 1, seq: 1}.encode()
	if err != nil {
		t.Fatal(err)
	}
	m.NotifyJoin(&memberlist.Node{Name: "x", Addr: net.IPv4(127, 0, 0, 1), Port: 7, Meta: meta})
	now := time.Now()
	for _, want := range []time.Duration{0, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second, lastAsk, lastAsk} {
		if list, wait := m.due(now, 8); want > 0 && (len(list) > 0 || wait != want) {
			t.Fatalf("asks %v, in %v: want %v", list, wait, want)
		}
		now = now.Add(want)
		list, _ := m.due(now, 8)
		if len(list) != 1 || list[0] != (doubtful{"x", "127.0.0.1:7"}) {
			t.Fatalf("asks %v", list)
		}
		if donors, _ := m.settled(); len(donors) > 0 {
			t.Fatal("listed before it has answered")
		}
		m.answered(list[0], false, now)
	}
	if !m.answered(doubtful{"x", "127.0.0.1:7"}, true, now) || m.answered(doubtful{"y", "127.0.0.1:7"}, true, now) {
		t.Error("the answer of the donor, or of another process, is taken wrongly")
	}
	if donors, _ := m.settled(); len(donors) != 1 {
		t.Error("not listed after its answer")
	}
}
