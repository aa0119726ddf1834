package benchmarks

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestPatterns(t *testing.T) {
	const n, draws = 1000, 200_000
	share := map[Pattern]float64{}
	for _, p := range []Pattern{Uniform, Zipf} {
		choose, err := p.chooser(rand.New(rand.NewPCG(1, 2)), n)
		if err != nil {
			t.Fatal(err)
		}
		hits := make([]int, n)
		for range draws {
			hits[choose()]++
		}
		slices.Sort(hits)
		if p == Uniform && hits[0] == 0 {
			t.Error("uniform leaves a page out")
		}
		hottest := 0
		for _, h := range hits[n*9/10:] {
			hottest += h
		}
		share[p] = float64(hottest) / draws
	}
	if share[Uniform] > 0.13 || share[Zipf] < 0.6 {
		t.Errorf("the hottest tenth of the pages gets %v of the accesses", share)
	}
	if _, err := Pattern("gauss").chooser(nil, 1); !errors.Is(err, ErrConfig) {
		t.Errorf("an unknown pattern: %v", err)
	}
}

func TestPatternsOfOnePage(t *testing.T) {
	for _, p := range []Pattern{Uniform, Zipf} {
		choose, err := p.chooser(rand.New(rand.NewPCG(1, 2)), 1)
		if err != nil || choose() != 0 {
			t.Errorf("%s: %v", p, err)
		}
	}
}
