package swapdev

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/farswap/farswap/cluster"
	daemon "github.com/farswap/farswap/donor"
	"github.com/farswap/farswap/swapdev/lenders"
)

// listed is a cluster whose members the test sets.
type listed struct {
	changed chan struct{}

	mu     sync.Mutex
	donors []cluster.Donor
}

func newListed() *listed { return &listed{changed: make(chan struct{}, 1)} }

func (l *listed) set(donors ...cluster.Donor) {
	l.mu.Lock()
	l.donors = donors
	l.mu.Unlock()
	select {
	case l.changed <- struct{}{}:
	default:
	}
}

func (l *listed) Donors() []cluster.Donor {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.donors)
}

func (l *listed) Changed() <-chan struct{} { return l.changed }
func (l *listed) Close() error             { return nil }

// TestDonorsAppearAndVanish has a cluster grow and shrink while requests go on.
func TestDonorsAppearAndVanish(t *testing.T) {
	source := newListed()
	h := newHistory(newRig(t, rigOptions{donors: 1, queues: 3, source: source}))
	var donors []cluster.Donor
	h.during(0, func() {
		for i := range 3 {
			d := startDonor(t, 4*testSlab)
			h.rig.donors = append(h.rig.donors, d)
			donors = append(donors, cluster.Donor{Name: d.cfg.Name, Address: d.address})
			source.set(donors...)
			h.until("the new donor is used", func() bool {
				s := h.engine.report()
				return len(s.Donors) == i+2 && s.Donors[i+1].State == string(lenders.StateUp)
			})
			// No slab is new any more: the others have to give some back. Which of them
			// holds any is chance.
			h.until("it holds slabs", func() bool {
				for held := range i + 1 {
					h.engine.moves.Order(uint16(held), []uint32{0, 1, 2, 3, 4, 5, 6}, false)
				}
				return h.engine.report().Donors[i+1].Slabs > 0
			})
		}
		h.rig.donors[1].kill()
		source.set(donors[1:]...)
		h.until("its slabs are elsewhere", func() bool { return h.engine.report().Donors[1].Slabs == 0 })
		h.rig.donors[1].start()
		source.set(donors...)
		h.until("it is back", func() bool { return h.engine.report().Donors[1].State == string(lenders.StateUp) })
	})
	s := h.engine.report()
	if len(s.Donors) != 4 || s.IO.Errors != 0 || s.IO.Corrupt != 0 || s.Pages.Lost != 0 {
		t.Errorf("%+v %+v %+v", s.Donors, s.IO, s.Pages)
	}
}

// TestTooManyDonors has a cluster with more donors than a device can have: it says so.
func TestTooManyDonors(t *testing.T) {
	const more = 5
	source, log := newListed(), &logged{}
	r := newRig(t, rigOptions{donors: 1, queues: 1, source: source, prepare: func(c *Config) { c.Log = log.logger() }})
	var donors []cluster.Donor
	for i := range lenders.MaxDonors - 1 + more { // nobody listens on ports below 1024 here
		donors = append(donors, cluster.Donor{Address: fmt.Sprintf("127.0.0.2:%d", 1+i)})
	}
	source.set(donors...)
	r.until("the donors that are too many are counted", func() bool { return r.engine.report().DonorsIgnored == more })
	if n := len(r.engine.report().Donors); n != lenders.MaxDonors {
		t.Errorf("%d donors, want %d", n, lenders.MaxDonors)
	}
	const words = "donors of the cluster are ignored"
	if n := len(log.lines(`"level":"warn"`, words, `"ignored":5`)); n != 1 {
		t.Errorf("the log says it %d times", n)
	}
	source.set(donors[:len(donors)-more+1]...)
	r.until("fewer are too many", func() bool { return r.engine.report().DonorsIgnored == 1 })
	if n := len(log.lines(words)); n != 1 {
		t.Errorf("the log says %d times that donors are ignored", n)
	}
}

// TestOneDonorByTwoAddresses lists a donor under a second address: its session at the
// first must stay.
func TestOneDonorByTwoAddresses(t *testing.T) {
	source := newListed()
	r := newRig(t, rigOptions{donors: 1, queues: 1, source: source})
	r.heat(0)
	_, port, _ := net.SplitHostPort(r.donors[0].address)
	source.set(cluster.Donor{Name: r.donors[0].cfg.Name, Address: "localhost:" + port})
	r.until("the second address is known, and not used", func() bool {
		s := r.engine.report()
		return len(s.Donors) == 2 && strings.Contains(s.Donors[1].Error, "is used at "+r.donors[0].address)
	})
	if s := r.engine.report(); s.IO.Failovers != 0 || s.Donors[0].State != string(lenders.StateUp) || s.Donors[0].Slabs != 1 {
		t.Errorf("%+v, %d failovers", s.Donors, s.IO.Failovers)
	}
}

// TestTwoDonorsOfOneName lists two donors that have one name: one is used, the device
// says what is to be done, and the other takes over when the first has gone.
func TestTwoDonorsOfOneName(t *testing.T) {
	log := &logged{}
	r := newRig(t, rigOptions{
		donors: 2, queues: 1, lend: func(_ int, c *daemon.Config) { c.Name = "twin" },
		prepare: func(c *Config) { c.Log = log.logger() },
	})
	up := func(used, refused int) func() bool {
		return func() bool {
			s := r.engine.report()
			return s.Donors[used].State == string(lenders.StateUp) && s.Donors[refused].State == string(lenders.StateDown) &&
				strings.Contains(s.Donors[refused].Error, "one named twin is used at "+r.donors[used].address)
		}
	}
	r.until("the first is used", up(0, 1))
	r.heat(0)
	r.until("the log says why the second is not", func() bool {
		return len(log.lines(`"level":"warn"`, `"donor":"`+r.donors[1].address+`"`, "used at "+r.donors[0].address)) == 1
	})
	if s := r.engine.report(); s.IO.Failovers != 0 || s.Donors[0].Slabs != 1 {
		t.Errorf("%+v, %d failovers", s.Donors, s.IO.Failovers)
	}
	r.donors[0].kill()
	r.until("the second takes over", func() bool { return r.engine.report().Donors[1].State == string(lenders.StateUp) })
	r.donors[0].start()
	r.until("the first is refused", up(1, 0))
	if n := len(log.lines("cannot be used yet", `"donor":"`+r.donors[1].address+`"`)); n != 1 {
		t.Errorf("the log says %d times why the second is not used", n)
	}
}

// TestOneDonorListedTwice lists a donor by its address and by its name, from the start.
func TestOneDonorListedTwice(t *testing.T) {
	r := newRig(t, rigOptions{donors: 1, queues: 1, prepare: func(c *Config) {
		_, port, _ := net.SplitHostPort(c.Donors[0])
		c.Donors = append(c.Donors, "localhost:"+port)
	}})
	settled := func() bool {
		d := r.engine.report().Donors
		if d[0].State != string(lenders.StateUp) {
			d[0], d[1] = d[1], d[0]
		}
		return d[0].State == string(lenders.StateUp) && d[1].State == string(lenders.StateDown) && strings.Contains(d[1].Error, "is used at")
	}
	r.until("one is used, the other refused", settled)
	r.heat(0)
	for end := time.Now().Add(3 * lenders.RetryFirst); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if s := r.engine.report(); !settled() || s.IO.Failovers != 0 {
			t.Fatalf("%+v, %d failovers", s.Donors, s.IO.Failovers)
		}
	}
}

func TestFirstDonorsOfACluster(t *testing.T) {
	source := newListed()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := lenders.Addresses(ctx, nil, source); !errors.Is(err, ErrNoDonor) {
		t.Errorf("an empty cluster: %v", err)
	}
	go source.set(cluster.Donor{Address: "a:1"}, cluster.Donor{Address: "b:1"})
	if got, err := lenders.Addresses(t.Context(), nil, source); err != nil || !slices.Equal(got, []string{"a:1", "b:1"}) {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := lenders.Addresses(t.Context(), []string{"b:1"}, source); err != nil || !slices.Equal(got, []string{"b:1", "a:1"}) {
		t.Errorf("beside one of its own: %v, %v", got, err)
	}
}
