package cluster

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"
	"github.com/rs/zerolog"
)

// patience is far longer than anything here takes.
const patience = time.Minute

var testKey = Key{1, 2, 3}

// logBuffer keeps a member's log.
type logBuffer struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// has says whether one line has all the parts.
func (l *logBuffer) has(parts ...string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.b.String()) {
		if !slices.ContainsFunc(parts, func(p string) bool { return !strings.Contains(line, p) }) {
			return true
		}
	}
	return false
}

// fast shortens all waits of a member to fractions of a second.
func fast(c *memberlist.Config) {
	c.ProbeInterval, c.ProbeTimeout = 100*time.Millisecond, 50*time.Millisecond
	c.GossipInterval, c.PushPullInterval = 20*time.Millisecond, 500*time.Millisecond
	c.SuspicionMaxTimeoutMult, c.AwarenessMaxMultiplier = 2, 2
}

type node struct {
	*Gossip
	log *logBuffer
}

// config is a member on loopback that joins others.
func config(join ...*node) (Config, *logBuffer) {
	log := &logBuffer{}
	c := Config{
		Listen: "127.0.0.1:0", Key: testKey, Log: zerolog.New(log), tune: fast,
		timing: timing{announceMin: 20 * time.Millisecond, announceMax: 200 * time.Millisecond, rejoin: 200 * time.Millisecond},
	}
	for _, j := range join {
		c.Join = append(c.Join, j.Address())
	}
	return c, log
}

// start opens a member and closes it at the end of the test.
func start(t *testing.T, change func(*Config), join ...*node) *node {
	t.Helper()
	c, log := config(join...)
	if change != nil {
		change(&c)
	}
	g, err := OpenGossip(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	return &node{g, log}
}

// donor opens a member that announces a donor with one GiB, all free.
func donor(t *testing.T, name, address string, join ...*node) *node {
	t.Helper()
	n := start(t, nil, join...)
	n.set(t, name, address, 1<<30)
	return n
}

func (n *node) set(t *testing.T, name, address string, free int64) {
	t.Helper()
	if err := n.SetLocal(Announcement{Name: name, Address: address, Free: free, Total: 1 << 30}); err != nil {
		t.Fatal(err)
	}
}

// listed returns the list of a member, one word per donor.
func listed(s Source) string {
	var words []string
	for _, d := range s.Donors() {
		words = append(words, cmp.Or(d.Name, "?")+"@"+d.Address)
	}
	return strings.Join(words, " ")
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what func() string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(what())
		}
	}
}

// wantListed waits until every member lists exactly these donors.
func wantListed(t *testing.T, want string, members ...*node) {
	t.Helper()
	for i, m := range members {
		eventually(t, func() string { return fmt.Sprintf("member %d lists %q, want %q", i, listed(m), want) },
			func() bool { return listed(m) == want })
	}
}

// wantLog waits until a line of a member's log has all the parts.
func wantLog(t *testing.T, log *logBuffer, parts ...string) {
	t.Helper()
	eventually(t, func() string {
		log.mu.Lock()
		defer log.mu.Unlock()
		return fmt.Sprintf("no line of the log has all of %q:\n%s", parts, log.b.String())
	}, func() bool { return log.has(parts...) })
}
