package workload

import (
	"math"

	"github.com/farswap/farswap/internal/pseudo"
)

// graph is a directed graph in compressed sparse rows of incoming edges. Both degrees follow
// power laws: incoming ones with exponent 3, as in the model of Barabási and Albert, outgoing
// ones with about 2.3, as measured of the web.
type graph struct {
	seed     uint64
	firsts   []uint64 // the first incoming edge of each vertex; one more than there are vertices
	sources  []uint32 // of each edge
	outgoing []uint32 // edges from each vertex
	step     int64    // scatters the sources, so that hot vertices are not neighbours
}

// leastDegree is the least number of edges to a vertex; the mean is about twice that.
const leastDegree = 8

// vertexBytes is the memory for each vertex, in bytes, with its edges and PageRank's figures.
const vertexBytes = 2*leastDegree*4 + 8 + 4 + 8 + 8

func newGraph(vertices int, seed uint64) (*graph, error) {
	g := &graph{seed: seed, step: pseudo.Scatter(int64(vertices))}
	var err error
	if g.firsts, err = array[uint64](vertices + 1); err != nil {
		return nil, err
	}
	if g.outgoing, err = array[uint32](vertices); err != nil {
		return nil, err
	}
	for v := range vertices {
		g.firsts[v+1] = g.firsts[v] + uint64(g.degree(v))
	}
	if g.sources, err = array[uint32](int(g.firsts[vertices])); err != nil {
		return nil, err
	}
	for v := range vertices {
		edges := g.edges(v)
		x := g.word(v)
		for i := range edges {
			x += pseudo.Golden
			edges[i] = g.source(x)
			g.outgoing[edges[i]]++
		}
	}
	return g, nil
}

func (g *graph) vertices() int { return len(g.outgoing) }

// edges returns the sources of the edges to v.
func (g *graph) edges(v int) []uint32 { return g.sources[g.firsts[v]:g.firsts[v+1]] }

// word returns the beginning of the stream of v's edges.
func (g *graph) word(v int) uint64 { return pseudo.Mix(g.seed + uint64(v)*pseudo.Golden) }

// degree returns the number of edges to v: at least leastDegree, at most the number of
// vertices.
func (g *graph) degree(v int) int {
	u := 1 - pseudo.Unit(g.word(v)) // never 0
	return int(min(leastDegree/math.Sqrt(u), float64(len(g.firsts)-1)))
}

// source draws the source of an edge.
func (g *graph) source(x uint64) uint32 {
	u := pseudo.Unit(pseudo.Mix(x))
	n := int64(g.vertices())
	rank := min(int64(u*u*u*u*float64(n)), n-1)
	return uint32(rank * g.step % n)
}

// intact returns whether the edges to v are those that were generated.
func (g *graph) intact(v int) bool {
	if g.firsts[v+1]-g.firsts[v] != uint64(g.degree(v)) {
		return false
	}
	x := g.word(v)
	for _, source := range g.edges(v) {
		x += pseudo.Golden
		if source != g.source(x) {
			return false
		}
	}
	return true
}
