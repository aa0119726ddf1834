package cluster

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"

	"github.com/hashicorp/memberlist"
	"github.com/rs/zerolog"
)

// Stats counts what a member has seen. All counters but Members only grow.
type Stats struct {
	Members int    // processes in the cluster, this one included
	Garbage uint64 // unreadable announcements
	Newer   uint64 // announcements in a newer, unknown format
	Refused uint64 // streams with another key or version
}

// Gossip is a member of a gossiping cluster. It is a Source of all announced donors, its own included.
type Gossip struct {
	cfg       Config
	log       zerolog.Logger
	self      nodeID // random name of this process
	advertise netip.Addr
	transport *transport
	list      *memberlist.Memberlist
	members   *members
	announcer *announcer
	changed   *signal
	cancel    context.CancelFunc
	wg        sync.WaitGroup
	closing   sync.Once
	closed    chan struct{}

	keying sync.Mutex // held while the keys of ring are replaced
	ring   *memberlist.Keyring
}

var _ Source = (*Gossip)(nil)

// OpenGossip becomes a member: it listens, tries to join once, and goes on in the background. It takes
// 15 s at most: it looks up the names of members twice, tries each member once, and asks the donors of
// which it hears whether they are there, so that Donors has those that answer. If no member
// answers, it succeeds, since the first member of a cluster meets nobody; with Config.MustJoin it fails
// with ErrNoMember. If all answers are that keys or versions differ, it fails with ErrKeyDiffers or
// ErrVersion. ctx applies to the opening only.
func OpenGossip(ctx context.Context, cfg Config) (*Gossip, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	var self nodeID
	if _, err := rand.Read(self[:]); err != nil {
		return nil, err
	}
	g := &Gossip{
		cfg: cfg, log: cfg.Log, self: self,
		members: newMembers(self.String(), cfg.Log, cfg.now), announcer: newAnnouncer(cfg.timing),
		changed: newSignal(), closed: make(chan struct{}),
	}
	ring, err := newRing(append([]Key{cfg.Key}, cfg.Also...))
	if err != nil {
		return nil, err
	}
	g.ring = ring
	if err := g.listen(ctx); err != nil {
		return nil, err
	}
	background, cancel := context.WithCancel(context.Background())
	g.cancel = cancel
	g.wg.Go(func() { g.watch(background) })
	g.wg.Go(func() { g.announce(background) })
	g.wg.Go(func() { g.confirm(background) })

	if err := g.joinFirst(ctx); err != nil {
		return nil, errors.Join(err, g.Close())
	}
	g.askedAll(ctx)
	g.wg.Go(func() { g.rejoin(background) })
	return g, nil
}

// joinFirst tries to join once and decides whether a failure ends the opening.
func (g *Gossip) joinFirst(ctx context.Context) error {
	result := make(chan error, 1)
	g.wg.Go(func() { result <- g.joinTargets(ctx) })
	var err error
	select {
	case err = <-result:
	case <-ctx.Done():
		return fmt.Errorf("join the cluster: %w", ctx.Err())
	}
	switch {
	case err == nil:
		return nil
	case g.cfg.MustJoin, errors.Is(err, ErrKeyDiffers), errors.Is(err, ErrVersion):
		return err
	}
	g.log.Warn().Str("reason", oneLine(err.Error())).Msg("no member to join answers yet: gossip tries again every few seconds")
	return nil
}

// listen opens the sockets and starts memberlist.
func (g *Gossip) listen(ctx context.Context) error {
	ip, port, err := g.cfg.listen()
	if err != nil {
		return err
	}
	logger := memberlistLog(g.log)
	host := ""
	if ip.IsValid() {
		host = ip.String()
	}
	inner, err := listenOn(host, port)
	if err != nil {
		return fmt.Errorf("gossip on %s: %w: %w", g.cfg.Listen, err, ErrListen)
	}
	if g.advertise = advertised(ctx, g.cfg.resolver, ip, g.cfg.Join); g.cfg.Advertise != "" {
		g.advertise = netip.MustParseAddr(g.cfg.Advertise) // Validate has parsed it
	}
	g.transport = newTransport(inner, transportConfig{
		self: g.self, keys: g.keys, members: g.members.known, timeout: streamTimeout, refused: g.refuse,
	})
	c := lanConfig()
	c.Name, c.Transport, c.Logger, c.Keyring = g.self.String(), g.transport, logger, g.ring
	c.Delegate, c.Events = metadata{g.announcer}, g.members
	c.BindPort, c.AdvertiseAddr, c.AdvertisePort = inner.port(), g.advertise.String(), inner.port()
	if g.cfg.tune != nil {
		g.cfg.tune(c)
	}
	if g.list, err = memberlist.Create(c); err != nil {
		return errors.Join(fmt.Errorf("gossip on %s: %w", g.cfg.Listen, err), g.transport.Shutdown())
	}
	return nil
}

// keys are the keys of the cluster now, the one to prove first.
func (g *Gossip) keys() [][]byte { return g.ring.GetKeys() }

// refuse logs a refused stream.
func (g *Gossip) refuse(from net.Addr, err error) {
	event := g.log.Debug()
	if errors.Is(err, ErrKeyDiffers) || errors.Is(err, ErrVersion) {
		if g.members.refusedKey() {
			event = g.log.Warn()
		}
	}
	event.Err(err).Stringer("from", from).Msg("gossip refuses a stream")
}

// Address returns the IP:PORT under which other members reach this one.
func (g *Gossip) Address() string {
	return joinAddress(g.advertise.String(), uint16(g.transport.port()))
}

// Announced returns an address as SetLocal announces it. An address without a host gets the host under
// which other members reach this one. Errors wrap ErrAnnouncement.
func (g *Gossip) Announced(address string) (string, error) {
	return withHost(address, g.advertise.String())
}

// SetLocal announces this member as a donor, or a change of the donor. It does not wait. Gossip announces
// a large change at once, at most once a second, and other changes with the next regular announcement.
// Call it for every change. Errors wrap ErrAnnouncement, or are ErrClosed.
func (g *Gossip) SetLocal(a Announcement) error {
	address, err := g.Announced(a.Address)
	if err != nil {
		return err
	}
	a.Address = address
	if err := a.check(); err != nil {
		return err
	}
	if g.ended() {
		return ErrClosed
	}
	g.announcer.set(&a)
	return nil
}

// Withdraw takes the announcement back: this member becomes an observer again, and its donor disappears
// from every list. A draining donor calls it.
func (g *Gossip) Withdraw() { g.announcer.set(nil) }

// Donors is part of Source.
func (g *Gossip) Donors() []Donor {
	donors, _ := g.members.settled()
	return donors
}

// Conflicts lists the donors that members refuse because another donor has their name.
func (g *Gossip) Conflicts() []Conflict {
	_, conflicts := g.members.settled()
	return conflicts
}

// Stats returns the counters.
func (g *Gossip) Stats() Stats { return g.members.counted() }

// Changed is part of Source. A new announcement of a donor is a change.
func (g *Gossip) Changed() <-chan struct{} { return g.changed.c }

func (g *Gossip) ended() bool {
	select {
	case <-g.closed:
		return true
	default:
		return false
	}
}

// Close is part of Source. It tells some member that this one leaves, which takes about a second.
func (g *Gossip) Close() error { return g.close(true) }

// close ends the member. Without leave the others see a crash.
func (g *Gossip) close(leave bool) error {
	var err error
	g.closing.Do(func() {
		close(g.closed)
		g.cancel()
		g.transport.cancel() // ends dialling, so that joining ends
		g.wg.Wait()
		if leave {
			if leaveErr := g.list.Leave(leaveTimeout); leaveErr != nil {
				g.log.Debug().Err(leaveErr).Msg("cannot tell the cluster of leaving: it will notice")
			}
		}
		err = g.list.Shutdown()
		g.changed.close()
	})
	return err
}
