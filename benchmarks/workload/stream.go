package workload

import (
	"fmt"

	"github.com/farswap/farswap/internal/pseudo"
)

// stream is McCalpin's STREAM: copy, scale, add and triad over three arrays. It differs in two
// ways: its elements are not all alike, because these would compress, and it counts the whole
// time, not the best round.
var stream = program{
	name:  "stream",
	about: "copy, scale, add and triad over three arrays (STREAM), 2 rounds",
	fill:  fillStream,
}

const (
	streamRounds = 2
	streamScalar = 3
	// streamMoved is the bytes that a round reads and writes for each element: 16 for copy
	// and for scale, 24 for add and for triad.
	streamMoved = 80
)

type streamTask struct {
	a, b, c []float64
	seed    uint64
	threads int
}

func fillStream(c ProgramConfig) (task, error) {
	n := int(c.Bytes / 8 / 3)
	t := &streamTask{seed: c.Seed, threads: c.Threads}
	for _, s := range []*[]float64{&t.a, &t.b, &t.c} {
		var err error
		if *s, err = array[float64](n); err != nil {
			return nil, err
		}
	}
	return t, split(c.Threads, n, func(_, low, high int) error {
		for i := low; i < high; i++ {
			t.a[i], t.b[i], t.c[i] = t.first(i), 2, 0
		}
		return nil
	})
}

// first returns the first value of element i of a, from 1 to 2.
func (t *streamTask) first(i int) float64 {
	return 1 + pseudo.Unit(pseudo.Mix(t.seed+uint64(i)*pseudo.Golden))
}

// work does its rounds, kernel after kernel, each over the whole arrays.
func (t *streamTask) work() (float64, error) {
	a, b, c := t.a, t.b, t.c
	kernels := []func(i int){
		func(i int) { c[i] = a[i] },
		func(i int) { b[i] = streamScalar * c[i] },
		func(i int) { c[i] = a[i] + b[i] },
		func(i int) { a[i] = b[i] + float64(streamScalar*c[i]) },
	}
	for range streamRounds {
		for _, kernel := range kernels {
			err := split(t.threads, len(a), func(_, low, high int) error {
				for i := low; i < high; i++ {
					kernel(i)
				}
				return nil
			})
			if err != nil {
				return 0, err
			}
		}
	}
	return float64(len(a)) * streamMoved * streamRounds, nil
}

// check does the same rounds with single elements, and compares the arrays to the last bit.
func (t *streamTask) check() error {
	return split(t.threads, len(t.a), func(_, low, high int) error {
		for i := low; i < high; i++ {
			a := t.first(i)
			var b, c float64
			for range streamRounds {
				b = streamScalar * a
				c = a + b
				// The conversion rounds the product, as above: no fused multiply-add.
				a = b + float64(streamScalar*c)
			}
			if a != t.a[i] || b != t.b[i] || c != t.c[i] {
				return fmt.Errorf("element %d is %v, %v, %v and should be %v, %v, %v: %w", i, t.a[i], t.b[i], t.c[i], a, b, c, ErrWrong)
			}
		}
		return nil
	})
}

func (t *streamTask) figures(amount, seconds float64) []Metric {
	return []Metric{timeOf(seconds), bandwidthOf(amount / seconds)}
}
