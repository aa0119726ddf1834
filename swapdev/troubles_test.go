package swapdev

import (
	"errors"
	"sync"
	"time"

	daemon "github.com/farswap/farswap/donor"
	"github.com/farswap/farswap/verbs/faulty"
)

// trouble is one fault, from its beginning to its end.
type trouble struct {
	name  string
	disk  bool // of the backing file
	loses bool // a donor is lost, with what it has
	make  func(*trial)
}

// troubles are the faults of a trial.
var troubles = []trouble{
	{name: "data connections are cut", make: func(tr *trial) { tr.net.cut(tr.data(tr.anyDonor())) }},
	{name: "control is cut", make: func(tr *trial) { tr.control[tr.anyDonor()].Cut() }},
	{name: "a donor cannot be reached", make: func(tr *trial) {
		d := tr.anyDonor()
		tr.net.shut(tr.data(d), true)
		tr.control[d].Shut(true)
		tr.net.cut(tr.data(d))
		tr.control[d].Cut()
		tr.rest(time.Second)
		tr.net.shut(tr.data(d), false)
		tr.control[d].Shut(false)
	}},
	{name: "connections are cut again and again", make: func(tr *trial) {
		for range 1 + tr.rng.IntN(10) {
			d := tr.anyDonor()
			tr.net.cut(tr.data(d))
			if tr.rng.IntN(2) == 0 {
				tr.control[d].Cut()
			}
			tr.rest(100 * time.Millisecond)
		}
	}},
	{name: "data stall", make: func(tr *trial) {
		d := tr.anyDonor()
		tr.net.hold(tr.data(d), true)
		tr.rest(1500 * time.Millisecond)
		tr.net.hold(tr.data(d), false)
	}},
	{name: "control stalls", make: func(tr *trial) {
		d := tr.anyDonor()
		tr.control[d].Hold()
		tr.rest(4 * time.Second)
		tr.control[d].Release()
	}},
	{name: "a donor stands still", make: func(tr *trial) { tr.stand(tr.anyDonor(), tr.while(2*time.Second)) }},
	{name: "all donors stand still", make: func(tr *trial) {
		var all sync.WaitGroup
		for d := range trialDonors {
			all.Go(func() { tr.stand(d, time.Second) })
		}
		all.Wait()
	}},
	{name: "connections are cut while they stall", make: func(tr *trial) {
		d := tr.anyDonor()
		tr.net.hold(tr.data(d), true)
		tr.rest(time.Second)
		tr.net.cut(tr.data(d))
		tr.rest(300 * time.Millisecond)
		tr.net.hold(tr.data(d), false)
	}},
	{name: "operations are late", make: func(tr *trial) {
		tr.plan(faulty.Plan{Delay: 0.2, DelayMax: 20 * time.Millisecond}, 500*time.Millisecond)
	}},
	{name: "operations fail, and are carried out later", make: func(tr *trial) {
		tr.plan(faulty.Plan{Fail: 0.005, Drop: 0.001, Late: 0.7, LateMax: 300 * time.Millisecond}, time.Second)
	}},
	{name: "operations stall", make: func(tr *trial) {
		tr.plan(faulty.Plan{Stall: 0.005, StallMax: time.Second, Late: 0.5, LateMax: 300 * time.Millisecond}, time.Second)
	}},
	{name: "operations fail, stall and are late", make: func(tr *trial) {
		tr.plan(faulty.Plan{
			Fail: 0.001, Drop: 0.0005, Delay: 0.01, DelayMax: 10 * time.Millisecond,
			Late: 0.5, LateMax: 300 * time.Millisecond, Stall: 0.001, StallMax: 300 * time.Millisecond,
		}, time.Second)
	}},
	{name: "a donor wants its memory back", make: func(tr *trial) {
		d := tr.donors[tr.anyDonor()].donor
		err := d.Resize(testSlab, daemon.HeadRoom{})
		tr.rest(2 * time.Second)
		if err = errors.Join(err, d.Resize(16*testSlab, daemon.HeadRoom{})); err != nil {
			tr.t.Error(err)
		}
	}},
	{name: "a donor ends and comes back", loses: true, make: func(tr *trial) {
		d := tr.donors[tr.anyDonor()]
		d.kill()
		tr.rest(time.Second)
		d.start()
	}},
	{name: "the backing file does not write", disk: true, make: func(tr *trial) { tr.disk.failWrites(tr.while(500 * time.Millisecond)) }},
	{name: "the backing file does not read", disk: true, make: func(tr *trial) { tr.disk.failReads(tr.while(500 * time.Millisecond)) }},
	{name: "the backing file fails", disk: true, make: func(tr *trial) { tr.disk.fail(tr.while(500 * time.Millisecond)) }},
	{name: "the backing file hangs, and fails", disk: true, make: func(tr *trial) { tr.disk.hang(tr.while(2 * time.Second)) }},
	{name: "the backing file is slow", disk: true, make: func(tr *trial) { tr.disk.beSlow(tr.while(time.Second)) }},
	{name: "bits flip", disk: true, make: func(tr *trial) { // which takes both copies to be no matter
		tr.plan(faulty.Plan{Corrupt: 0.05}, 500*time.Millisecond)
		tr.renew()
	}},
}

func (tr *trial) anyDonor() int { return tr.rng.IntN(trialDonors) }

// while is a time of random length.
func (tr *trial) while(most time.Duration) time.Duration {
	return time.Duration(tr.rng.Int64N(int64(most)))
}

func (tr *trial) rest(most time.Duration) { time.Sleep(tr.while(most)) }

// data is where a donor has its memory.
func (tr *trial) data(donor int) string { return tr.donors[donor].donor.DataAddr() }

// plan has operations go wrong for a while.
func (tr *trial) plan(plan faulty.Plan, most time.Duration) {
	plan.Seed = tr.rng.Uint64()
	tr.faults.SetPlan(plan)
	tr.rest(most)
	tr.faults.SetPlan(faulty.Plan{})
}

// stand has nothing come from a donor, nor reach it.
func (tr *trial) stand(donor int, while time.Duration) {
	tr.net.hold(tr.data(donor), true)
	tr.control[donor].Hold()
	time.Sleep(while)
	tr.control[donor].Release()
	tr.net.hold(tr.data(donor), false)
}

// renew writes every page, so that no copy of it is bad that nobody has read.
func (tr *trial) renew() {
	for page := range int64(len(tr.versions)) {
		version := tr.rng.Uint64() | 1
		tr.history.mu[page].Lock()
		tr.put(tr.queue(int(page)), page, 1, version)
		tr.history.mu[page].Unlock()
	}
}
