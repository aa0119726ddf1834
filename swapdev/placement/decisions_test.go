package placement

import (
	"slices"
	"testing"
)

func TestDecisionsKept(t *testing.T) {
	var l Decisions
	for i := range 1000 {
		l.Add(Decision{Slab: i % 300})
	}
	all := l.All()
	if len(all) != keptDecisions || all[0].seq != 1000-keptDecisions+1 || all[len(all)-1].seq != 1000 {
		t.Errorf("%d kept, %d to %d", len(all), all[0].seq, all[len(all)-1].seq)
	}
	for slab, want := range map[int][]uint64{0: {1, 301, 601, 901}, 150: {151, 451, 751}, 400: nil} {
		var seqs []uint64
		for _, d := range l.Of(slab) {
			seqs = append(seqs, d.seq)
		}
		if !slices.Equal(seqs, want) {
			t.Errorf("slab %d has %v, want %v", slab, seqs, want)
		}
	}
	for range 10 {
		l.Add(Decision{Slab: 7})
	}
	if n := len(l.Of(7)); n != keptOfSlab {
		t.Errorf("%d kept of a slab", n)
	}
}
