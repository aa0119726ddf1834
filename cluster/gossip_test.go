package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"
)

func TestMembersJoinAndLeave(t *testing.T) {
	a := donor(t, "a", "127.0.0.1:9001")
	b := donor(t, "b", "127.0.0.1:9002", a)
	device := start(t, nil, b)
	wantListed(t, "a@127.0.0.1:9001 b@127.0.0.1:9002", a, b, device)
	late := start(t, nil, device) // through an observer
	wantListed(t, "a@127.0.0.1:9001 b@127.0.0.1:9002", late)

	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	wantListed(t, "a@127.0.0.1:9001", a, device, late)
	eventually(t, func() string { return fmt.Sprint(a.Stats()) }, func() bool { return a.Stats().Members == 3 })
}

// The others notice that a member was killed. A donor that comes back under the same name is listed
// again, at the same address or at another.
func TestFailedMemberIsMissedAndComesBack(t *testing.T) {
	a := donor(t, "a", "127.0.0.1:9001")
	b := donor(t, "b", "127.0.0.1:9002", a)
	c := donor(t, "c", "127.0.0.1:9003", a)
	all := "a@127.0.0.1:9001 b@127.0.0.1:9002 c@127.0.0.1:9003"
	wantListed(t, all, a, b, c)

	_ = b.close(false)
	wantListed(t, "a@127.0.0.1:9001 c@127.0.0.1:9003", a, c)
	again := donor(t, "b", "127.0.0.1:9002", a)
	wantListed(t, all, a, again, c)

	// It comes back at another address before anybody misses it. The members refuse it until they
	// miss the old one, and then list it.
	_ = again.close(false)
	moved := donor(t, "b", "127.0.0.1:9004", a)
	wantListed(t, "a@127.0.0.1:9001 b@127.0.0.1:9004 c@127.0.0.1:9003", a, moved, c)
}

// A member that restarts on its old gossip port takes the place of its predecessor.
func TestRestartOnTheSamePort(t *testing.T) {
	a := donor(t, "a", "127.0.0.1:9001")
	b := donor(t, "b", "127.0.0.1:9002", a)
	wantListed(t, "a@127.0.0.1:9001 b@127.0.0.1:9002", a)
	address := b.Address()
	_ = b.close(false)
	b = start(t, func(c *Config) { c.Listen = address }, a)
	b.set(t, "b", "127.0.0.1:9002", 5)
	eventually(t, func() string { return fmt.Sprint(a.Donors()) }, func() bool {
		d := a.Donors()
		return len(d) == 2 && d[1].Free == 5
	})
	eventually(t, func() string { return fmt.Sprint(a.Stats()) }, func() bool { return a.Stats().Members == 2 })
	wantListed(t, "a@127.0.0.1:9001 b@127.0.0.1:9002", a, b)
}

// A member without live targets is alone, tries again, and finds them once they live.
func TestJoinsWhoComesLater(t *testing.T) {
	port := freePort(t)
	early := start(t, func(c *Config) { c.Join = []string{port} })
	wantLog(t, early.log, "tries again", port)
	late := start(t, func(c *Config) { c.Listen = port })
	late.set(t, "late", ":9001", 1)
	wantListed(t, "late@127.0.0.1:9001", early, late)
}

// freePort returns an address at which nobody listens.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// Two parts of a cluster that have given each other up find each other again through their lost donors,
// without a target to join.
func TestPartsHeal(t *testing.T) {
	a := donor(t, "a", "127.0.0.1:9001")
	b := donor(t, "b", "127.0.0.1:9002", a)
	wantListed(t, "a@127.0.0.1:9001 b@127.0.0.1:9002", a, b)
	address := b.Address()
	_ = b.close(false)
	wantListed(t, "a@127.0.0.1:9001", a)
	// It comes back and joins no member: a has to find it.
	b = start(t, func(c *Config) { c.Listen = address })
	b.set(t, "b", "127.0.0.1:9002", 1)
	wantListed(t, "a@127.0.0.1:9001 b@127.0.0.1:9002", a, b)
}

func TestAnnouncementsConverge(t *testing.T) {
	a := donor(t, "a", ":9001") // its host is filled in
	b := start(t, nil, a)
	wantListed(t, "a@127.0.0.1:9001", a, b)
	free := func(want int64) {
		t.Helper()
		for _, n := range []*node{a, b} {
			eventually(t, func() string { return fmt.Sprint(n.Donors()) }, func() bool {
				d := n.Donors()
				return len(d) == 1 && d[0].Free == want && d[0].Total == 1<<30 && d[0].Source == "gossip"
			})
		}
	}
	free(1 << 30)
	for _, n := range []int64{1 << 20, 0, 1, 3} { // the last with the regular announcement only
		a.set(t, "a", ":9001", n)
		free(n)
	}
	// It announces again though nothing has changed.
	seen := b.Donors()[0].Seen
	eventually(t, func() string { return "never announced anew" }, func() bool { return b.Donors()[0].Seen.After(seen) })

	a.Withdraw()
	wantListed(t, "", a, b)
	a.set(t, "a", ":9001", 7)
	free(7)
}

func TestChangedIsSignalled(t *testing.T) {
	a := start(t, nil)
	b := start(t, nil, a)
	a.set(t, "a", ":9001", 1)
	for len(b.Donors()) == 0 {
		select {
		case <-b.Changed():
		case <-time.After(patience):
			t.Fatal("no signal")
		}
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	for range b.Changed() { // ends
	}
	if err := b.SetLocal(Announcement{Name: "b", Address: ":1", Total: 1}); !errors.Is(err, ErrClosed) {
		t.Errorf("announced after Close: %v", err)
	}
}

func TestOtherKeyIsRefused(t *testing.T) {
	a := donor(t, "a", "127.0.0.1:9001")
	c, log := config(a)
	c.Key = Key{9}
	_, err := OpenGossip(context.Background(), c)
	if !errors.Is(err, ErrKeyDiffers) || !errors.Is(err, ErrNoMember) || !strings.Contains(err.Error(), a.Address()) {
		t.Errorf("joined with another key: %v", err)
	}
	if log.has("panic") {
		t.Error("panic")
	}
	wantLog(t, a.log, `"warn"`, "gossip keys differ", "refuses")
	if a.Stats().Refused == 0 || a.Stats().Members != 1 {
		t.Errorf("%+v", a.Stats())
	}
	if strings.Contains(err.Error(), fmt.Sprintf("%x", testKey[:8])) {
		t.Error("the key is in the error")
	}
	// With a second target that has the same key it joins, and ignores the first.
	d := start(t, func(c *Config) { c.Key = Key{9} })
	e := start(t, func(c *Config) { c.Key = Key{9} }, a, d)
	d.set(t, "d", ":9004", 1)
	wantListed(t, "d@127.0.0.1:9004", d, e)
	wantListed(t, "a@127.0.0.1:9001", a)
}

func TestTwoDonorsOfOneName(t *testing.T) {
	first := donor(t, "mem", "127.0.0.1:9001")
	device := start(t, nil, first)
	wantListed(t, "mem@127.0.0.1:9001", device)
	second := donor(t, "mem", "127.0.0.1:9002", first)
	for _, n := range []*node{first, device, second} {
		wantLog(t, n.log, `"name":"mem"`, `"kept":"127.0.0.1:9001"`, `"refused":"127.0.0.1:9002"`)
	}
	wantLog(t, second.log, `"error"`, "give it another name")
	wantListed(t, "mem@127.0.0.1:9001", first, device, second)
	if got := device.Conflicts(); len(got) != 1 || got[0] != (Conflict{"mem", "127.0.0.1:9001", "127.0.0.1:9002"}) {
		t.Errorf("conflicts %v", got)
	}

	// The first one goes. The second gets the name and keeps it.
	_ = first.Close()
	wantListed(t, "mem@127.0.0.1:9002", device, second)
	wantLog(t, device.log, "differ again")
	third := donor(t, "mem", "127.0.0.1:9001", device)
	wantLog(t, third.log, `"refused":"127.0.0.1:9001"`)
	wantListed(t, "mem@127.0.0.1:9002", device, second, third)
}

// A member counts invalid metadata and ignores it.
func TestGarbageIsCounted(t *testing.T) {
	a := donor(t, "a", "127.0.0.1:9001")
	start(t, func(c *Config) {
		c.tune = func(c *memberlist.Config) { fast(c); c.Delegate = garbage("\x01garbage") }
	}, a)
	start(t, func(c *Config) {
		c.tune = func(c *memberlist.Config) { fast(c); c.Delegate = garbage("\xf0of the future") }
	}, a)
	eventually(t, func() string { return fmt.Sprint(a.Stats()) }, func() bool {
		s := a.Stats()
		return s.Members == 3 && s.Garbage > 0 && s.Newer > 0
	})
	wantLog(t, a.log, "ignores", "invalid announcement")
	wantListed(t, "a@127.0.0.1:9001", a)
}

type garbage string

func (g garbage) NodeMeta(int) []byte             { return []byte(g) }
func (garbage) NotifyMsg([]byte)                  {}
func (garbage) GetBroadcasts(int, int) [][]byte   { return nil }
func (garbage) LocalState(bool) []byte            { return nil }
func (garbage) MergeRemoteState(_ []byte, _ bool) {}

// A wall clock that is a day off, or that somebody sets while members talk, changes neither the list of
// members, nor which announcement is the newest, nor which member is missed.
func TestClocksMayBeADayOff(t *testing.T) {
	clock := func(off time.Duration) func(*Config) {
		calls := 0
		return func(c *Config) {
			c.now = func() time.Time { // called under a lock
				calls++
				step := time.Duration(calls%2) * 3 * time.Hour
				return time.Now().Round(0).Add(off + step) // without the monotonic clock's reading
			}
		}
	}
	a := start(t, clock(24*time.Hour))
	b := start(t, clock(-24*time.Hour), a)
	c := start(t, nil, b)
	a.set(t, "a", ":9001", 1)
	b.set(t, "b", ":9002", 1)
	wantListed(t, "a@127.0.0.1:9001 b@127.0.0.1:9002", a, b, c)
	for _, free := range []int64{1 << 29, 3, 1 << 28} {
		a.set(t, "a", ":9001", free)
		for _, n := range []*node{a, b, c} {
			eventually(t, func() string { return fmt.Sprint(n.Donors()) }, func() bool { return n.Donors()[0].Free == free })
		}
	}
	_ = b.close(false)
	wantListed(t, "a@127.0.0.1:9001", a, c)
}

func TestOpeningFails(t *testing.T) {
	busy := start(t, nil)
	nobody := freePort(t)
	for name, test := range map[string]struct {
		change func(*Config)
		want   error
	}{
		"listen at a link-local address": {func(c *Config) { c.Listen = "[fe80::1%lo]:0" }, errZone},
		"join a link-local address":      {func(c *Config) { c.Join = []string{"[fe80::1%lo]:1"} }, errZone},
		"advertise a link-local address": {func(c *Config) { c.Advertise = "fe80::1%lo" }, errZone},
		"no port":                        {func(c *Config) { c.Listen = "127.0.0.1" }, ErrConfig},
		"a host name":                    {func(c *Config) { c.Listen = "localhost:0" }, ErrConfig},
		"a wrong port":                   {func(c *Config) { c.Listen = "127.0.0.1:65536" }, ErrConfig},
		"no key":                         {func(c *Config) { c.Key = Key{} }, ErrConfig},
		"wrong target":                   {func(c *Config) { c.Join = []string{"127.0.0.1"} }, ErrConfig},
		"no target":                      {func(c *Config) { c.Join = []string{":1"} }, ErrConfig},
		"advertise":                      {func(c *Config) { c.Advertise = "0.0.0.0" }, ErrConfig},
		"nobody":                         {func(c *Config) { c.Join, c.MustJoin = []string{nobody}, true }, ErrNoMember},
		"address taken":                  {func(c *Config) { c.Listen = busy.Address() }, nil},
	} {
		c, _ := config()
		test.change(&c)
		g, err := OpenGossip(context.Background(), c)
		if err == nil {
			_ = g.Close()
		}
		if err == nil || test.want != nil && !errors.Is(err, test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The error names a target that speaks another protocol. A silent target does not delay the opening for
// ever.
func TestJoinsOnlyGossip(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Write([]byte("220 mail.example ESMTP ready\r\n"))
			_ = conn.Close()
		}
	}()
	c, _ := config()
	c.Join, c.MustJoin = []string{l.Addr().String()}, true
	if _, err := OpenGossip(context.Background(), c); !errors.Is(err, ErrNoMember) {
		t.Error(err)
	}
}

func TestOpeningHeedsItsContext(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // accepts, says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	c, _ := config()
	c.Join = []string{l.Addr().String()}
	if _, err := OpenGossip(ctx, c); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
