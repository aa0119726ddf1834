package benchmarks

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/internal/memory"
	"github.com/farswap/farswap/offheap"
)

// GrowConfig describes a program that grows, and works meanwhile and afterwards.
type GrowConfig struct {
	Name   string        // of the result
	Size   int64         // bytes that it grows by: a multiple of PageSize
	Rate   int64         // bytes a second, at least one page a step
	After  time.Duration // how long it goes on working when it has its size
	Checks int           // pages that it checks in each step
	Below  int64         // bytes of available memory below which the machine is short; 0: the run does not look
	Seed   uint64
}

// growStep is the time of a step: the program grows, checks, and rests until the next
// step is due.
const growStep = 50 * time.Millisecond

// GrowResult is what a growing program measured. The amount of work follows from the
// configuration, and BusySeconds leaves out the rests, so BusySeconds of two runs can be
// compared. Times of the machine are in ms since 1970; 0 stands for none.
type GrowResult struct {
	Name         string  `json:"name"`
	Size         int64   `json:"size"`         // bytes
	Rate         int64   `json:"rate"`         // bytes a second, wanted
	Seconds      float64 `json:"seconds"`      // in all
	BusySeconds  float64 `json:"busy_seconds"` // of that: growing and checking
	GrowSeconds  float64 `json:"grow_seconds"` // until it had its size
	LateSeconds  float64 `json:"late_seconds"` // the longest delay of a step's begin
	Steps        int     `json:"steps"`
	Checked      int64   `json:"checked"` // pages
	Mismatches   int64   `json:"mismatches"`
	MinAvailable int64   `json:"min_available"` // bytes, at the end of a step
	ShortAt      int64   `json:"short_at_ms"`   // first less than Below available
	DeepAt       int64   `json:"deep_at_ms"`    // first less than half of Below
	BackAt       int64   `json:"back_at_ms"`    // at least Below again, and until the end
}

// Validate returns an error wrapping ErrConfig if c breaks a rule of its fields.
func (c GrowConfig) Validate() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf(format+": %w", append(args, ErrConfig)...)
	}
	switch {
	case c.Size < PageSize || c.Size%PageSize != 0 || c.Size > maxBytes:
		return bad("%d bytes: give a multiple of %d, at most %d", c.Size, PageSize, int64(maxBytes))
	case c.perStep() < PageSize:
		return bad("%d bytes a second: give at least %d", c.Rate, int64(PageSize*time.Second/growStep))
	case c.After < 0:
		return bad("%v of work afterwards: give no negative time", c.After)
	case c.Checks < 0:
		return bad("%d pages to check: give no negative number", c.Checks)
	case c.Below < 0:
		return bad("%d bytes available: give no negative amount", c.Below)
	}
	return nil
}

// perStep is in bytes, whole pages.
func (c GrowConfig) perStep() int64 {
	return c.Rate / int64(time.Second/growStep) / PageSize * PageSize
}

// RunGrow runs the program. Its error is ErrConfig, ErrMismatch, the context's, or the
// kernel's if it gives no memory.
func RunGrow(ctx context.Context, cfg GrowConfig) (GrowResult, error) {
	result := GrowResult{Name: cfg.Name, Size: cfg.Size, Rate: cfg.Rate}
	if err := cfg.Validate(); err != nil {
		return result, err
	}
	data, err := offheap.Map(int(cfg.Size), offheap.Options{})
	if err != nil {
		return result, err
	}
	defer func() { _ = offheap.Unmap(data) }()
	g := &grower{cfg: cfg, data: data, rng: rand.New(rand.NewPCG(cfg.Seed, 0)), machine: memory.Here(), result: &result}
	err = g.run(ctx)
	if result.Mismatches > 0 {
		err = errors.Join(err, fmt.Errorf("%d times: %w", result.Mismatches, ErrMismatch))
	}
	return result, err
}

// grower is one run.
type grower struct {
	cfg     GrowConfig
	data    []byte
	pages   int64 // that it has
	rng     *rand.Rand
	machine *memory.Machine
	result  *GrowResult
}

func (g *grower) run(ctx context.Context) error {
	begun := time.Now()
	var busy time.Duration
	defer func() {
		g.result.Seconds, g.result.BusySeconds = time.Since(begun).Seconds(), busy.Seconds()
	}()
	all, perStep := g.cfg.Size/PageSize, g.cfg.perStep()/PageSize
	growing := int((all + perStep - 1) / perStep)
	due := begun
	for step := range growing + int(g.cfg.After/growStep) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Until(due)):
		}
		at := time.Now()
		g.result.LateSeconds = max(g.result.LateSeconds, at.Sub(due).Seconds())
		if err := g.grow(min(g.pages+perStep, all)); err != nil {
			return err
		}
		g.check()
		busy += time.Since(at)
		g.result.Steps++
		if step == growing-1 {
			g.result.GrowSeconds = time.Since(begun).Seconds()
			due = time.Now() // a late program does not catch up
		}
		due = due.Add(growStep)
		if err := g.look(); err != nil {
			return err
		}
	}
	return nil
}

// grow takes memory for pages and writes into each its number and a word that follows
// from the number. It asks the kernel for all pages at once, because on an emulated machine
// single faults take more time than the rate leaves.
func (g *grower) grow(to int64) error {
	if to == g.pages {
		return nil
	}
	if err := unix.Madvise(g.data[g.pages*PageSize:to*PageSize], unix.MADV_POPULATE_WRITE); err != nil {
		return fmt.Errorf("take %d pages of memory: %w: it needs Linux 5.14, and memory", to-g.pages, err)
	}
	for ; g.pages < to; g.pages++ {
		w := g.page(g.pages)
		w[0], w[1] = uint64(g.pages), stream(g.cfg.Seed, uint64(g.pages), 1)
	}
	return nil
}

func (g *grower) page(n int64) []uint64 { return words(g.data[n*PageSize : (n+1)*PageSize]) }

func (g *grower) check() {
	for range g.cfg.Checks {
		n := g.rng.Int64N(g.pages)
		if w := g.page(n); w[0] != uint64(n) || w[1] != stream(g.cfg.Seed, uint64(n), 1) {
			g.result.Mismatches++
		}
		g.result.Checked++
	}
}

// look reads how much memory the machine has available.
func (g *grower) look() error {
	if g.cfg.Below == 0 {
		return nil
	}
	s, err := g.machine.Sample()
	if err != nil {
		return err
	}
	r, now := g.result, time.Now().UnixMilli()
	if r.MinAvailable == 0 || s.Available < r.MinAvailable {
		r.MinAvailable = s.Available
	}
	switch short := s.Available < g.cfg.Below; {
	case short && r.ShortAt == 0:
		r.ShortAt = now
	case short:
		r.BackAt = 0
	case r.ShortAt != 0 && r.BackAt == 0:
		r.BackAt = now
	}
	if s.Available < g.cfg.Below/2 && r.DeepAt == 0 {
		r.DeepAt = now
	}
	return nil
}
