package lend

import (
	"errors"

	"github.com/farswap/farswap/donor"
	"github.com/farswap/farswap/status"
)

// resizeHere carries out what another process asked this donor for.
func resizeHere(d *donor.Donor, to status.DonorResize) error {
	err := d.Resize(to.Memory, donor.HeadRoom{Bytes: to.HeadRoom, Share: to.HeadRoomShare})
	if errors.Is(err, donor.ErrConfig) {
		return &invalidRequest{err}
	}
	return err
}

// invalidRequest is status.ErrInvalid in the donor's words.
type invalidRequest struct{ err error }

func (e *invalidRequest) Error() string   { return e.err.Error() }
func (e *invalidRequest) Unwrap() []error { return []error{e.err, status.ErrInvalid} }
