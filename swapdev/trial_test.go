package swapdev

import (
	"flag"
	"math/rand/v2"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	daemon "github.com/farswap/farswap/donor"
	"github.com/farswap/farswap/internal/proxytest"
	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/swapdev/lenders"
	"github.com/farswap/farswap/ublk"
	"github.com/farswap/farswap/verbs"
	"github.com/farswap/farswap/verbs/faulty"
)

// trialSeed has a mixed history make the faults of an earlier one again.
var trialSeed = flag.Uint64("seed", 0, "of the faults of mixed histories; 0: a new one each time")

// trialFaults chooses the faults of mixed histories, to look into one of them.
var trialFaults = flag.String("faults", "", "regular expression for the names of the faults of mixed histories; empty: all")

// healLimit is longer than anything takes to be well again after a fault, however busy the
// machine is.
const healLimit = 5 * time.Minute

// trial is a history under one fault after another, which slabs that move accompany. The next
// fault comes when the device has recovered from the one before: so an error of a request,
// or a page that is lost, has one fault to explain it, and most faults explain none.
//
//   - A fault of connections, of a donor that stands still, or of operations explains nothing.
//     Requests wait as long as they must, the grace time is longer than any of these faults,
//     and a slab that moves is at a donor or at the other.
//   - The end of a donor explains that its slabs fail over. It explains no error and no lost
//     page, so it comes only with a backing file.
//   - A backing file that does not read explains that a read fails of a page that no donor has.
//   - A backing file that does not write explains that a write fails under the policy that
//     promises two copies. After that nobody knows what its pages hold.
//   - After a backing file that does not read or write, a flush may fail until the scrubber has
//     brought the file every page.
type trial struct {
	*history
	ack     AckPolicy
	rng     *rand.Rand
	net     network
	faults  *faulty.Device
	control []*proxytest.Proxy // by donor
	disk    *badDisk           // nil: no backing file
	mayLose bool               // donors are lost: their slabs fail over

	mu    sync.Mutex // guards what follows
	story []string   // what happened, latest last
}

// network makes trouble on the way to the memory of donors.
type network interface {
	cut(address string)             // ends all connections
	shut(address string, shut bool) // ends new connections at once, or no more
	hold(address string, held bool) // holds all back that comes and goes, or lets it go on
}

// trialKind says what a trial is about.
type trialKind struct {
	name  string
	grace time.Duration // 0: longer than any fault
	spare int
	set   func(*Config)
}

// carrier is the transport of a trial.
type carrier struct {
	transports []*lenders.Transport
	donor      func(*daemon.Config)
	device     func(*Config)
}

func trialKinds() []trialKind {
	return []trialKind{
		{name: "remote-first", set: func(*Config) {}},
		{name: "strict", spare: 4, set: func(c *Config) { c.Ack = Strict }},
		{name: "no backing", set: withoutBacking},
		{name: "short grace", grace: 300 * time.Millisecond, set: func(*Config) {}},
	}
}

// trialOverTCP has data pass proxies.
func trialOverTCP(t *testing.T, tr *trial) carrier {
	return carrier{
		transports: []*lenders.Transport{overTCP(func(d verbs.Device) verbs.Device {
			way := &detour{Device: d, t: t, ways: make(map[string]*proxytest.Proxy)}
			tr.net = way
			tr.faults = faulty.Wrap(way, faulty.Plan{})
			return tr.faults
		})},
		donor: func(*daemon.Config) {}, device: func(*Config) {},
	}
}

func (d *detour) cut(address string)             { d.way(address).Cut() }
func (d *detour) shut(address string, shut bool) { d.way(address).Shut(shut) }

func (d *detour) hold(address string, held bool) {
	if held {
		d.way(address).Hold()
	} else {
		d.way(address).Release()
	}
}

const trialDonors = 3

func newTrial(t *testing.T, kind trialKind, carry func(*testing.T, *trial) carrier) *trial {
	t.Helper()
	seed := *trialSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed %d", seed)
	tr := &trial{rng: rand.New(rand.NewPCG(seed, 0)), mayLose: kind.grace != 0}
	c := carry(t, tr)
	var donors []*testDonor
	var addresses []string
	for range trialDonors {
		d := startDonorAs(t, 16*testSlab, func(cfg *daemon.Config) {
			cfg.HeadRoom.Bytes, cfg.Lease = -1, 2*time.Minute // whatever else runs on this machine, and the grace time
			c.donor(cfg)
		})
		donors = append(donors, d)
		p := proxytest.Start(t, d.address)
		tr.control = append(tr.control, p)
		addresses = append(addresses, p.Addr())
	}
	disk := &badDisk{}
	r := newRig(t, rigOptions{
		queues: 2, spare: kind.spare, transports: c.transports, opened: disk.keepQueue,
		prepare: func(cfg *Config) {
			kind.set(cfg)
			c.device(cfg)
			cfg.Donors, cfg.Late, cfg.Grace, cfg.Patience = addresses, 2*time.Millisecond, kind.grace, 2*time.Minute
			if cfg.Grace == 0 {
				cfg.Grace = 2 * time.Minute
			}
			tr.ack = cfg.Ack
		},
	})
	r.donors = donors // it ends them after the engine
	tr.history = newHistory(r)
	tr.excuse = tr.explains
	if r.local != nil {
		disk.r, tr.disk = r, disk
		disk.open(r.local)
	}
	return tr
}

// explains reports whether the fault of the backing file explains that a request has failed.
func (tr *trial) explains(a asked) bool {
	if tr.disk == nil {
		return false
	}
	switch a.op {
	case ublk.OpFlush:
		return tr.disk.lacks.since(a.began)
	case ublk.OpWrite:
		return tr.ack == Strict && tr.disk.fails.since(a.began)
	case ublk.OpRead:
		for i, now := range tr.look(a.page, a.pages) {
			switch {
			case tr.unknown[a.page+int64(i)]:
				return true // a write that has failed left it so
			case a.views[i].Place&slabmap.Remote == 0 || now.Place&slabmap.Remote == 0:
				return tr.disk.fails.since(a.began)
			}
		}
	}
	return false
}

// say adds to the story that a failure is told with.
func (tr *trial) say(what string) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.story = append(tr.story, time.Now().Format("15:04:05.000 ")+what)
}

// tell logs the latest part of the story.
func (tr *trial) tell() {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.t.Logf("what happened:\n%s", strings.Join(tr.story[max(0, len(tr.story)-20):], "\n"))
}

// run has requests, moves and faults go on for a while, and checks what is left of them.
func (tr *trial) run(while time.Duration) {
	defer func() {
		if tr.t.Failed() {
			tr.tell()
		}
	}()
	over := make(chan struct{})
	var beside sync.WaitGroup
	workers, moves := tr.rng.Uint64(), tr.rng.Uint64()
	beside.Go(func() { tr.churnUntil(over, moves) })
	beside.Go(func() { tr.flushUntil(over) })
	end := time.Now().Add(while)
	faults := 0
	n := tr.beside(while, workers, func() {
		defer close(over)
		faults = tr.troubleUntil(end)
	})
	beside.Wait()
	if tr.t.Failed() {
		return
	}
	tr.ends()
	s := tr.engine.report()
	tr.t.Logf("%d faults under %d requests, %d of them failed for a fault; faults of operations %+v; %d suspensions; %+v %+v %+v %+v",
		faults, n, tr.excused.Load(), tr.faults.Counts(), suspensions(s), s.Pages, s.IO, s.Moves, s.Scrub)
}

// flushUntil flushes now and then.
func (tr *trial) flushUntil(over <-chan struct{}) {
	for !tr.t.Failed() {
		tr.ask(tr.queue(0), ublk.OpFlush, 0, 0, nil)
		select {
		case <-over:
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// ends checks what there is once all faults are over: nothing of a request or of a fault is
// left, and every page is right.
func (tr *trial) ends() {
	tr.healed()
	for page, unknown := range tr.unknown {
		if unknown {
			tr.put(tr.queue(0), int64(page), 1, tr.rng.Uint64()|1)
		}
	}
	tr.sweep()
	tr.settled()
	pages := tr.engine.pages
	tr.until("no page is claimed", func() bool {
		for page := range int64(len(tr.versions)) {
			if v := pages.Look(page); v.Writing || v.Pending {
				return false
			}
		}
		return true
	})
	tr.until("no slab is in use", func() bool {
		for slab := range pages.Geometry().Slabs() {
			if pages.InFlight(slab) != 0 {
				return false
			}
		}
		return true
	})
	s := tr.engine.report()
	if s.IO.Errors != tr.excused.Load() || s.Pages.Lost != 0 || s.IO.Failovers != 0 && !tr.mayLose {
		tr.t.Errorf("%d requests were excused: %+v %+v", tr.excused.Load(), s.IO, s.Pages)
	}
}

// healed waits until the device has recovered from a fault.
func (tr *trial) healed() {
	tr.t.Helper()
	tr.within(healLimit, "all donors are well", func() bool {
		for i, d := range tr.engine.report().Donors {
			if d.State != string(lenders.StateUp) || tr.engine.shared.Barrier.Up(uint16(i)) {
				return false
			}
		}
		return true
	})
	if tr.disk == nil {
		return
	}
	tr.within(healLimit, "the backing file has every page", func() bool {
		return tr.ask(tr.queue(0), ublk.OpFlush, 0, 0, nil)
	})
	tr.disk.lacks.end()
}

// troubleUntil makes faults until end, but some at least, and returns how many.
func (tr *trial) troubleUntil(end time.Time) int {
	least := 3
	if testing.Short() {
		least = 2
	}
	wanted := regexp.MustCompile(*trialFaults)
	var kinds []trouble
	for _, k := range troubles {
		if wanted.MatchString(k.name) && (tr.disk != nil || !k.disk && !k.loses) {
			kinds = append(kinds, k)
		}
	}
	if len(kinds) == 0 {
		tr.t.Errorf("no fault is named like %q", *trialFaults)
		return 0
	}
	for n := 0; ; {
		tr.rng.Shuffle(len(kinds), func(i, j int) { kinds[i], kinds[j] = kinds[j], kinds[i] })
		for _, k := range kinds {
			if tr.t.Failed() || n >= least && time.Now().After(end) {
				return n
			}
			tr.say(k.name)
			tr.mayLose = tr.mayLose || k.loses
			k.make(tr)
			tr.say("it is over")
			tr.healed()
			tr.say("all is well")
			n++
		}
	}
}

func TestMixedHistory(t *testing.T) {
	for _, kind := range trialKinds() {
		t.Run(kind.name, func(t *testing.T) { newTrial(t, kind, trialOverTCP).run(*historyTime) })
	}
}
