package benchmarks

import (
	"errors"
	"fmt"

	"github.com/farswap/farswap/status"
)

// ErrUnused means that a donor holds no page at the end of a run.
var ErrUnused = errors.New("the donor holds no page")

// Placement is where the pages of a swap device are at the end of a run, before the
// workload gives its memory back.
type Placement struct {
	Pages  status.Pages `json:"pages"`
	Donors []DonorPages `json:"donors"`
}

// DonorPages is what one donor holds of the device.
type DonorPages struct {
	Name  string `json:"name"`
	Slabs int    `json:"slabs"`
	Pages int64  `json:"pages"`
}

// place makes a Placement from the status of a device's server.
func place(d status.Device) *Placement {
	p := &Placement{Pages: d.Pages, Donors: []DonorPages{}}
	for _, donor := range d.Donors {
		holds := DonorPages{Name: donor.Name, Slabs: donor.Slabs}
		for _, s := range d.Slabs {
			if s.Donor == donor.Name {
				holds.Pages += s.RemotePages
			}
		}
		p.Donors = append(p.Donors, holds)
	}
	return p
}

// unused returns an error wrapping ErrUnused if a donor holds no page.
func (p *Placement) unused() error {
	for _, d := range p.Donors {
		if d.Pages == 0 {
			return fmt.Errorf("%s: %w: let more be swapped, or look at `farswap ublk status`", d.Name, ErrUnused)
		}
	}
	return nil
}
