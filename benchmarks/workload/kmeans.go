package workload

import (
	"fmt"
	"math"

	"github.com/farswap/farswap/internal/pseudo"
)

// kmeans is Lloyd's algorithm on points around known centres. Every round reads all points in
// order.
var kmeans = program{
	name:  "kmeans",
	about: "Lloyd's k-means, 8 clusters in 16 dimensions, 4 rounds",
	fill:  fillKMeans,
}

const (
	kmeansRounds   = 4
	kmeansClusters = 8
	dimensions     = 16
)

type point [dimensions]float32

type kmeansTask struct {
	points  []point
	seed    uint64
	threads int
	centres [kmeansClusters]point
	sizes   [kmeansClusters]int64 // of the clusters
	spread  []float64             // sum of squared distances, in each round
}

func fillKMeans(c ProgramConfig) (task, error) {
	points, err := array[point](int(c.Bytes / 4 / dimensions))
	if err != nil {
		return nil, err
	}
	t := &kmeansTask{points: points, seed: c.Seed, threads: c.Threads}
	return t, split(c.Threads, len(points), func(_, low, high int) error {
		for i := low; i < high; i++ {
			points[i] = t.at(i)
		}
		return nil
	})
}

// cluster returns the cluster around whose centre point i was drawn.
func (t *kmeansTask) cluster(i int) int {
	return int(pseudo.Mix(t.seed+uint64(i)) % kmeansClusters)
}

// centre returns the true centre of a cluster, in a cube of edge 100.
func (t *kmeansTask) centre(cluster int) point {
	var p point
	x := pseudo.Mix(^t.seed) + uint64(cluster)
	for d := range p {
		x = pseudo.Mix(x + pseudo.Golden)
		p[d] = float32(100 * pseudo.Unit(x))
	}
	return p
}

// noise is the greatest distance of a point from its centre in each dimension. Clusters do not
// touch, because a point is at most 20 from its centre, and centres are about 160 apart.
const noise = 5

// at returns the coordinates of point i.
func (t *kmeansTask) at(i int) point {
	p := t.centre(t.cluster(i))
	x := pseudo.Mix(t.seed + uint64(i)*pseudo.Golden)
	for d := range p {
		x += pseudo.Golden
		p[d] += float32(noise * (2*pseudo.Unit(pseudo.Mix(x)) - 1))
	}
	return p
}

// part is the contribution of a block of points to the clusters.
type part struct {
	sum    [kmeansClusters][dimensions]float64
	count  [kmeansClusters]int64
	spread float64
}

// work begins at one point of each cluster.
func (t *kmeansTask) work() (float64, error) {
	for cluster := range t.centres {
		i := 0
		for t.cluster(i) != cluster {
			i++
		}
		t.centres[cluster] = t.points[i]
	}
	parts := make([]part, blocks(len(t.points)))
	for range kmeansRounds {
		err := split(t.threads, len(t.points), func(b, low, high int) error {
			parts[b] = t.assign(t.points[low:high])
			return nil
		})
		if err != nil {
			return 0, err
		}
		t.move(parts)
	}
	return float64(len(t.points)) * kmeansRounds, nil
}

// assign gives each point to the nearest centre.
func (t *kmeansTask) assign(points []point) part {
	var sum part
	for i := range points {
		p := &points[i]
		nearest, least := 0, float32(math.MaxFloat32)
		for c := range t.centres {
			var distance float32
			for d, x := range t.centres[c] {
				distance += (x - p[d]) * (x - p[d])
			}
			if distance < least {
				nearest, least = c, distance
			}
		}
		for d, x := range p {
			sum.sum[nearest][d] += float64(x)
		}
		sum.count[nearest]++
		sum.spread += float64(least)
	}
	return sum
}

// move puts each centre in the middle of its points.
func (t *kmeansTask) move(parts []part) {
	var sum part
	for i := range parts {
		for c := range sum.sum {
			for d := range sum.sum[c] {
				sum.sum[c][d] += parts[i].sum[c][d]
			}
			sum.count[c] += parts[i].count[c]
		}
		sum.spread += parts[i].spread
	}
	t.sizes = sum.count
	t.spread = append(t.spread, sum.spread)
	for c := range t.centres {
		for d := range t.centres[c] {
			t.centres[c][d] = float32(sum.sum[c][d] / float64(max(sum.count[c], 1)))
		}
	}
}

// check compares the points with what they were filled with, and the clusters with those
// around which the points were drawn.
func (t *kmeansTask) check() error {
	want := make([][kmeansClusters]int64, blocks(len(t.points)))
	err := split(t.threads, len(t.points), func(b, low, high int) error {
		for i := low; i < high; i++ {
			if t.points[i] != t.at(i) {
				return fmt.Errorf("point %d is %v and should be %v: %w", i, t.points[i], t.at(i), ErrWrong)
			}
			want[b][t.cluster(i)]++
		}
		return nil
	})
	if err != nil {
		return err
	}
	var sizes [kmeansClusters]int64
	for _, w := range want {
		for c, n := range w {
			sizes[c] += n
		}
	}
	if t.sizes != sizes {
		return fmt.Errorf("clusters of %v points, and should be %v: %w", t.sizes, sizes, ErrWrong)
	}
	for c, got := range t.centres {
		// Six standard deviations of the mean of evenly drawn noise.
		near := float32(6*noise/math.Sqrt(3*float64(sizes[c])) + 1e-3)
		for d, x := range t.centre(c) {
			if difference := got[d] - x; !(difference < near && difference > -near) {
				return fmt.Errorf("centre %d is %v and should be near %v: %w", c, got, t.centre(c), ErrWrong)
			}
		}
	}
	for i := 1; i < len(t.spread); i++ {
		// Single precision adds some.
		if t.spread[i] > t.spread[i-1]*(1+1e-4) {
			return fmt.Errorf("round %d made the clusters wider, %v after %v: %w", i+1, t.spread[i], t.spread[i-1], ErrWrong)
		}
	}
	return nil
}

func (t *kmeansTask) figures(amount, seconds float64) []Metric {
	return []Metric{timeOf(seconds), rateOf(amount/seconds, "points/s")}
}
