package benchmarks

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestRunGrow(t *testing.T) {
	cfg := GrowConfig{Name: "program", Size: 90 * PageSize, Rate: 800 * PageSize, After: 2 * growStep, Checks: 7, Below: 1 << 50, Seed: 1}
	r, err := RunGrow(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	// 40 pages a step: three to grow, two more to check.
	if r.Steps != 5 || r.Checked != 35 || r.Mismatches != 0 || r.BusySeconds <= 0 ||
		r.GrowSeconds < 2*growStep.Seconds() || r.Seconds < 4*growStep.Seconds() {
		t.Errorf("%+v", r)
	}
	if r.ShortAt == 0 || r.DeepAt < r.ShortAt || r.BackAt != 0 || r.MinAvailable <= 0 {
		t.Errorf("on a machine that never has enough: %+v", r)
	}
	cfg.Below = 1
	if r, err = RunGrow(t.Context(), cfg); err != nil || r.ShortAt != 0 || r.DeepAt != 0 || r.BackAt != 0 {
		t.Errorf("on one that has enough: %+v, %v", r, err)
	}
}

func TestRunGrowStops(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), growStep)
	defer cancel()
	r, err := RunGrow(ctx, GrowConfig{Size: 1000 * PageSize, Rate: 20 * PageSize, Checks: 1})
	if !errors.Is(err, context.DeadlineExceeded) || r.Steps == 0 || r.Steps > 3 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestGrowConfigIsChecked(t *testing.T) {
	for name, change := range map[string]func(*GrowConfig){
		"size":   func(c *GrowConfig) { c.Size = 0 },
		"part":   func(c *GrowConfig) { c.Size++ },
		"rate":   func(c *GrowConfig) { c.Rate = 20*PageSize - 1 },
		"after":  func(c *GrowConfig) { c.After = -time.Second },
		"checks": func(c *GrowConfig) { c.Checks = -1 },
		"below":  func(c *GrowConfig) { c.Below = -1 },
	} {
		cfg := GrowConfig{Size: PageSize, Rate: 20 * PageSize}
		change(&cfg)
		if _, err := RunGrow(t.Context(), cfg); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
