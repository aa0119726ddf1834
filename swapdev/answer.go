package swapdev

import (
	"fmt"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/swapdev/placement"
)

// answer serves a donor's requests: to say how busy some slabs are, and to give some back,
// which order orders.
func answer(pages *slabmap.Map, order func(donor uint16, slabs []uint32, urgent bool), donor uint16, req control.Message) (control.Message, error) {
	switch req := req.(type) {
	case *control.CheckActivity:
		if err := known(pages, req.Slabs); err != nil {
			return nil, err
		}
		a := &control.Activity{PerSecond: make([]float64, len(req.Slabs))}
		for i, slab := range req.Slabs {
			if placement.Serves(pages, int(slab), donor) {
				a.PerSecond[i] = pages.Activity(int(slab))
			}
		}
		return a, nil
	case *control.Evict:
		if err := known(pages, req.Slabs); err != nil {
			return nil, err
		}
		order(donor, req.Slabs, req.Urgent)
		return &control.Evicting{}, nil
	}
	return nil, control.ErrUnsupported
}

// known refuses slabs that the device does not have.
func known(pages *slabmap.Map, slabs []uint32) error {
	for _, slab := range slabs {
		if int64(slab) >= int64(pages.Geometry().Slabs()) {
			return fmt.Errorf("slab %d: %w", slab, control.ErrUnknownSlab)
		}
	}
	return nil
}
