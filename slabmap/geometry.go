package slabmap

import (
	"errors"
	"fmt"
	"math/bits"
)

// PageSize is the size of a page in bytes: that of the kernel on x86-64, and the logical block of the device.
const PageSize = 4096

// Sizes of a slab in bytes. The paper uses 1 GiB. A slab of 64 MiB takes less time to map and to move, and
// its entry is still negligible beside the words of its pages.
const (
	DefaultSlabSize = 64 << 20
	MinSlabSize     = 4 << 20
	MaxSlabSize     = 1 << 30
)

// ErrGeometry means that a device size or a slab size is out of range.
var ErrGeometry = errors.New("unusable geometry")

// Geometry is the size of a device and of its slabs, in bytes, and whether its pages are sealed.
type Geometry struct {
	Size     int64 // of the device: a multiple of PageSize, at least one page
	SlabSize int64 // a power of two, MinSlabSize to MaxSlabSize; the last slab may be short
	Sealed   bool  // each page has a Seal
}

// Validate returns an error wrapping ErrGeometry if a field is out of range. The other methods require a
// valid geometry.
func (g Geometry) Validate() error {
	switch {
	case g.Size < PageSize:
		return fmt.Errorf("device of %d bytes: give at least one page, %d bytes: %w", g.Size, PageSize, ErrGeometry)
	case g.Size%PageSize != 0:
		return fmt.Errorf("device of %d bytes: give a multiple of %d: %w", g.Size, PageSize, ErrGeometry)
	case g.SlabSize < MinSlabSize || g.SlabSize > MaxSlabSize || bits.OnesCount64(uint64(g.SlabSize)) != 1:
		return fmt.Errorf("slab of %d bytes: give a power of two from %d to %d: %w",
			g.SlabSize, MinSlabSize, MaxSlabSize, ErrGeometry)
	case g.Sealed && g.Size/PageSize > maxSealedPages:
		return fmt.Errorf("sealed device of %d bytes: give at most %d pages, or do not seal: %w", g.Size, int64(maxSealedPages), ErrGeometry)
	}
	return nil
}

// Pages is the number of pages of the device.
func (g Geometry) Pages() int64 { return g.Size / PageSize }

// Slabs is the number of slabs, a short last one included.
func (g Geometry) Slabs() int { return int((g.Size-1)/g.SlabSize + 1) }

// PagesPerSlab is the number of pages of a full slab.
func (g Geometry) PagesPerSlab() int64 { return g.SlabSize / PageSize }

// SlabOf is the slab of a page.
func (g Geometry) SlabOf(page int64) int { return int(page / g.PagesPerSlab()) }

// PageRange is the half-open range of pages [first, end) of slab.
func (g Geometry) PageRange(slab int) (first, end int64) {
	first = int64(slab) * g.PagesPerSlab()
	return first, min(first+g.PagesPerSlab(), g.Pages())
}
