package sim

import (
	"context"
	"math"
	"reflect"
)

// Summary is several simulations that differ in their seed alone: one random
// placement of containers says little. The fields of Result are averages, counts
// rounded; Seed is the first one's, and Series and the distributions are, too.
type Summary struct {
	Result
	Runs  int   `json:"runs"`
	Range Range `json:"range"`
}

// Range is the smallest and the largest that came out, in that order.
type Range struct {
	UsedWithout   [2]float64 `json:"used_without"`
	UsedWith      [2]float64 `json:"used_with"`
	MaxOverMedian [2]float64 `json:"max_over_median"`
	MaxOverMin    [2]float64 `json:"max_over_min"`
	Evictions     [2]int64   `json:"evictions"`
}

// RunSeeds runs config with so many seeds, from its own upwards; fewer than one are
// one. progress is told how much of all is done, 0 to 1.
func RunSeeds(ctx context.Context, config Config, runs int, progress func(done float64)) (Summary, error) {
	var results []Result
	for i := range max(runs, 1) {
		one := config
		one.Seed += uint64(i)
		r, err := Run(ctx, one, func(second, of int) {
			if progress != nil {
				progress((float64(i) + float64(second)/float64(of)) / float64(max(runs, 1)))
			}
		})
		if err != nil {
			return Summary{}, err
		}
		results = append(results, r)
	}
	return summarize(results), nil
}

// summarize averages the figures of results, of which there is at least one.
func summarize(results []Result) Summary {
	s := Summary{Result: results[0], Runs: len(results)}
	into := reflect.ValueOf(&s.Result).Elem()
	for i := range into.NumField() {
		var sum float64
		for j := range results {
			switch f := reflect.ValueOf(&results[j]).Elem().Field(i); f.Kind() {
			case reflect.Float64:
				sum += f.Float()
			case reflect.Int64:
				sum += float64(f.Int())
			}
		}
		switch f := into.Field(i); f.Kind() {
		case reflect.Float64:
			f.SetFloat(sum / float64(len(results)))
		case reflect.Int64:
			f.SetInt(int64(math.Round(sum / float64(len(results)))))
		}
	}
	for i, r := range results {
		widen(&s.Range.UsedWithout, r.UsedWithout, i)
		widen(&s.Range.UsedWith, r.UsedWith, i)
		widen(&s.Range.MaxOverMedian, r.MaxOverMedian, i)
		widen(&s.Range.MaxOverMin, r.MaxOverMin, i)
		widen(&s.Range.Evictions, r.Evictions, i)
	}
	return s
}

// widen makes a range hold the i-th value, too.
func widen[T int64 | float64](r *[2]T, value T, i int) {
	if i == 0 {
		*r = [2]T{value, value}
	}
	r[0], r[1] = min(r[0], value), max(r[1], value)
}
