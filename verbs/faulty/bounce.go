package faulty

import (
	"github.com/farswap/farswap/offheap"
	"github.com/farswap/farswap/verbs"
)

// bounce is a registered copy of a WRITE's data that can be altered.
type bounce struct {
	mem    []byte
	region verbs.Region
}

func newBounce(d *Device, data []byte) (*bounce, error) {
	mem, err := offheap.Map(len(data), offheap.Options{Populate: true})
	if err != nil {
		return nil, err
	}
	region, err := d.inner.Register(mem)
	if err != nil {
		_ = offheap.Unmap(mem)
		return nil, err
	}
	copy(mem, data)
	return &bounce{mem: mem, region: region}, nil
}

// free gives the copy back, once; nil is no copy.
func (b *bounce) free() {
	if b == nil || b.mem == nil {
		return
	}
	_ = b.region.Close()
	_ = offheap.Unmap(b.mem)
	b.mem = nil
}
