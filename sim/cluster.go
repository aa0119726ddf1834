package sim

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/farswap/farswap/evict"
	"github.com/farswap/farswap/slabmap"
)

// cluster is a running simulation. One goroutine runs it.
type cluster struct {
	config     Config
	placement  slabmap.Placement
	rng        *rand.Rand
	machines   []machine
	containers []container
	moves      moves
	ordered    int64     // number of moves
	steering   *steering // nil without a model of latency
	headRoom   int64
	ahead      int64
	seconds    int
	warmup     int
	now        int // the present second, from 1

	result          Result
	mapMillis       float64 // sum over mappings
	evictedActivity float64 // sum over evictions
	err             error   // the first transition that slabmap refused

	hot     []int32 // scratch
	scratch []slabmap.Candidate
	answers []slabmap.Candidate
}

// Run simulates config. After every virtual second it calls progress with the number of seconds that have passed
// and of all; progress may be nil. The error wraps ErrConfig, or is the context's.
func Run(ctx context.Context, config Config, progress func(second, of int)) (Result, error) {
	c, err := build(config)
	if err != nil {
		return Result{}, err
	}
	for c.now = 1; c.now <= c.seconds; c.now++ {
		if err := ctx.Err(); err != nil {
			return Result{}, fmt.Errorf("simulation ended after %d of %d seconds: %w", c.now-1, c.seconds, err)
		}
		for i := range c.containers {
			c.stepContainer(i)
		}
		c.finish()
		for i := range c.machines {
			c.stepMachine(i)
		}
		if c.err != nil {
			return Result{}, fmt.Errorf("second %d: %w", c.now, c.err)
		}
		if c.steering != nil {
			c.stepLatency()
		}
		c.sample()
		if progress != nil {
			progress(c.now, c.seconds)
		}
	}
	return c.finished(), nil
}

// must keeps the first error of a transition. Such an error is a mistake in this package.
func (c *cluster) must(err error) {
	if err != nil && c.err == nil {
		c.err = err
	}
}

// build makes machines and containers.
func build(config Config) (*cluster, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	w := config.Workload
	c := &cluster{
		config:     config,
		placement:  config.placement(),
		rng:        rand.New(rand.NewPCG(config.Seed, 0)),
		machines:   make([]machine, w.Cluster.Machines),
		containers: make([]container, w.Cluster.Containers),
		headRoom:   int64(w.Cluster.HeadRoom * gib),
		ahead:      int64(w.Cluster.Ahead) * config.SlabSize,
		seconds:    max(int(w.Cluster.Hours*3600), 1),
		warmup:     int(w.Cluster.Warmup),
	}
	for i := range c.machines {
		base := int64(w.Cluster.Base * gib)
		c.machines[i] = machine{
			total: int64(w.Cluster.Memory * gib), local: base, limits: base,
			governor: evict.NewGovernor(evict.Config{HeadRoom: c.headRoom}),
		}
	}
	c.result = Result{
		Seed: config.Seed, Machines: len(c.machines), Containers: len(c.containers), Seconds: c.seconds,
		MeasuredFrom: c.warmup, SlabSize: config.SlabSize, Choices: config.Choices,
		NewMachineRule: !config.AnyDonor, Extra: config.Extra, Drop: config.Drop,
	}
	if err := c.place(); err != nil {
		return nil, err
	}
	if config.Latency != nil {
		c.steer(*config.Latency, config.ByLatency)
	}
	return c, nil
}

// place draws the containers and puts each on a machine with room for its limit.
func (c *cluster) place() error {
	w := &c.config.Workload
	for i, share := range c.shares() {
		b := &c.containers[i]
		b.program = draw(c.rng, w.Programs, func(p Program) float64 { return p.Weight })
		b.peak = b.program.Peak * gib * (0.9 + 0.2*c.rng.Float64())
		b.limit = b.peak * share
		b.start = int(c.rng.Float64() * w.Cluster.StartWithin)
		machine, err := c.machineFor(int64(b.limit))
		if err != nil {
			return fmt.Errorf("container %d of %d: %w", i+1, len(c.containers), err)
		}
		b.machine = machine
		c.machines[machine].limits += int64(b.limit)
		if share == 1 {
			continue // it never swaps
		}
		pages := int64(b.peak * b.program.Swap / slabmap.PageSize)
		b.device = &device{}
		if err := b.device.reset(slabmap.Geometry{Size: pages * slabmap.PageSize, SlabSize: c.config.SlabSize}, 0); err != nil {
			return fmt.Errorf("container %d: %w: %w", i+1, ErrConfig, err)
		}
		b.device.spread = b.program.Spread
		b.device.donors = c.donorsFor(machine)
		c.result.MetadataBytes += int64(slabmap.MemoryNeeded(b.device.geometry))
	}
	return nil
}

// shares returns the share of its peak that each container has, with the numbers from the file, in random order.
func (c *cluster) shares() []float64 {
	limits := c.config.Workload.Limits
	var all float64
	for _, l := range limits {
		all += l.Of
	}
	shares := make([]float64, len(c.containers))
	var upTo float64
	next := 0
	for _, l := range limits {
		upTo += l.Of
		for ; next < len(shares) && float64(next)+0.5 < upTo/all*float64(len(shares)); next++ {
			shares[next] = l.Local
		}
	}
	for ; next < len(shares); next++ {
		shares[next] = limits[len(limits)-1].Local
	}
	c.rng.Shuffle(len(shares), func(i, j int) { shares[i], shares[j] = shares[j], shares[i] })
	return shares
}

// draw picks one element at random, by weight.
func draw[T any](rng *rand.Rand, all []T, weight func(T) float64) *T {
	var sum float64
	for _, one := range all {
		sum += weight(one)
	}
	at := rng.Float64() * sum
	chosen := 0
	for i, one := range all {
		if w := weight(one); w > 0 {
			chosen = i
			if at -= w; at < 0 {
				break
			}
		}
	}
	return &all[chosen]
}

// machineFor returns a random machine with room for a limit.
func (c *cluster) machineFor(limit int64) (int, error) {
	for _, tries := range []int{64, len(c.machines)} {
		from := c.rng.IntN(len(c.machines))
		for i := range tries {
			at := c.rng.IntN(len(c.machines))
			if tries != 64 {
				at = (from + i) % len(c.machines)
			}
			if m := &c.machines[at]; m.limits+limit <= m.total {
				return at, nil
			}
		}
	}
	return 0, fmt.Errorf("%d MiB of local memory fit on no machine: %w: give more machines, or fewer containers", limit>>20, ErrConfig)
}

// donorsFor returns the other machines that a device on machine knows.
func (c *cluster) donorsFor(machine int) []slabmap.Candidate {
	others := len(c.machines) - 1
	n := others
	if c.config.Known > 0 {
		n = min(n, c.config.Known)
	}
	chosen := make([]uint16, 0, n)
	if n == others {
		for i := range c.machines {
			if i != machine {
				chosen = append(chosen, uint16(i))
			}
		}
	} else {
		seen := make(map[uint16]bool, n)
		for len(chosen) < n {
			if at := uint16(c.rng.IntN(len(c.machines))); int(at) != machine && !seen[at] {
				seen[at] = true
				chosen = append(chosen, at)
			}
		}
		slices.Sort(chosen)
	}
	donors := make([]slabmap.Candidate, n)
	for i, at := range chosen {
		donors[i].Donor = at
	}
	return donors
}
