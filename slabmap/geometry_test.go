package slabmap

import (
	"errors"
	"testing"

	"pgregory.net/rapid"
)

func TestGeometryValidate(t *testing.T) {
	for _, c := range []struct {
		name string
		g    Geometry
		ok   bool
	}{
		{"one page", Geometry{Size: PageSize, SlabSize: MinSlabSize}, true},
		{"short last slab", Geometry{Size: MinSlabSize + PageSize, SlabSize: MinSlabSize}, true},
		{"largest slab", Geometry{Size: 1 << 40, SlabSize: MaxSlabSize}, true},
		{"zero", Geometry{Size: 0, SlabSize: DefaultSlabSize}, false},
		{"negative", Geometry{Size: -PageSize, SlabSize: DefaultSlabSize}, false},
		{"half a page", Geometry{Size: PageSize / 2, SlabSize: DefaultSlabSize}, false},
		{"odd size", Geometry{Size: MinSlabSize + 512, SlabSize: DefaultSlabSize}, false},
		{"no slab size", Geometry{Size: 1 << 30, SlabSize: 0}, false},
		{"negative slab size", Geometry{Size: 1 << 30, SlabSize: -1 << 63}, false},
		{"slab too small", Geometry{Size: 1 << 30, SlabSize: MinSlabSize / 2}, false},
		{"slab too large", Geometry{Size: 1 << 40, SlabSize: MaxSlabSize * 2}, false},
		{"sealed", Geometry{Size: 1 << 40, SlabSize: MinSlabSize, Sealed: true}, true},
		{"largest sealed", Geometry{Size: PageSize << 40, SlabSize: MaxSlabSize, Sealed: true}, true},
		{"too large to be sealed", Geometry{Size: PageSize<<40 + PageSize, SlabSize: MaxSlabSize, Sealed: true}, false},
		{"too large to be sealed, and not sealed", Geometry{Size: PageSize<<40 + PageSize, SlabSize: MaxSlabSize}, true},
		{"slab not a power of two", Geometry{Size: 1 << 30, SlabSize: 3 * MinSlabSize}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.g.Validate()
			if (err == nil) != c.ok || (err != nil && !errors.Is(err, ErrGeometry)) {
				t.Fatalf("Validate(%+v) = %v, want ok %t", c.g, err, c.ok)
			}
		})
	}
}

// geometries draws legal geometries up to 64 TiB.
func geometries(t *rapid.T) Geometry {
	return Geometry{
		Size:     PageSize * rapid.Int64Range(1, 1<<34).Draw(t, "pages"),
		SlabSize: MinSlabSize << rapid.IntRange(0, 8).Draw(t, "slab"),
	}
}

func TestGeometryPartition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := geometries(t)
		if err := g.Validate(); err != nil {
			t.Fatal(err)
		}
		page := rapid.Int64Range(0, g.Pages()-1).Draw(t, "page")
		slab := g.SlabOf(page)
		if first, end := g.PageRange(slab); page < first || page >= end || end-first > g.PagesPerSlab() {
			t.Fatalf("page %d is in slab %d, which is [%d, %d)", page, slab, first, end)
		}
		if first, _ := g.PageRange(0); first != 0 {
			t.Fatalf("the first slab begins at page %d", first)
		}
		if _, end := g.PageRange(g.Slabs() - 1); end != g.Pages() {
			t.Fatalf("the last slab ends at page %d of %d", end, g.Pages())
		}
	})
}

func TestMemoryBudget(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := geometries(t)
		g.Size = max(1, g.Size/g.SlabSize) * g.SlabSize
		if need := int64(MemoryNeeded(g)); need*1000 > g.Size*2 {
			t.Fatalf("%+v needs %d bytes, %.4f%% of the device", g, need, 100*float64(need)/float64(g.Size))
		}
	})
}
