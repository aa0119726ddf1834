package donor

import (
	"fmt"

	"github.com/farswap/farswap/control"
)

// Allowance allows devices to use a donor, if their certificates have this name. The bounds
// apply to all devices of the name together.
type Allowance struct {
	Name    string
	Most    int64 // bytes that they may hold; 0 for no bound
	Reserve int64 // bytes that no other name may take
}

// checkAllow checks a list of allowances against the memory that the donor lends.
func checkAllow(list []Allowance, memory int64, insecure bool) error {
	if len(list) > 0 && insecure {
		return fmt.Errorf("allowed names: %w: %w", ErrConfig, ErrNoNames)
	}
	names := make(map[string]bool)
	left := memory
	for _, a := range list {
		switch {
		case !control.ValidName(a.Name):
			return fmt.Errorf("allowed name %q: %w: want up to 64 letters, digits, dots, dashes or underscores", a.Name, ErrConfig)
		case names[a.Name]:
			return fmt.Errorf("allowed name %q: %w: it is given twice", a.Name, ErrConfig)
		case a.Most < 0 || a.Reserve < 0:
			return fmt.Errorf("allowed name %q: %w: amounts cannot be negative", a.Name, ErrConfig)
		case a.Most > 0 && a.Most < control.MinSlab:
			return fmt.Errorf("allowed name %q: %w: at most %d bytes are less than the smallest slab of %d MiB", a.Name, ErrConfig, a.Most, control.MinSlab>>20)
		case a.Most > 0 && a.Reserve > a.Most:
			return fmt.Errorf("allowed name %q: %w: %d bytes are reserved, but it may have %d", a.Name, ErrConfig, a.Reserve, a.Most)
		case a.Reserve > left:
			return fmt.Errorf("allowed name %q: %w: of the %d bytes that are lent only %d are left to reserve, not %d", a.Name, ErrConfig, memory, left, a.Reserve)
		}
		names[a.Name] = true
		left -= a.Reserve
	}
	return nil
}

// SetAllow replaces Config.Allow while the donor serves. Within a second the sessions of names that are
// not allowed any more end, and their slabs are freed. Errors wrap ErrConfig, and change nothing.
func (d *Donor) SetAllow(list []Allowance) error {
	if err := checkAllow(list, d.pool.figures().limit, d.cfg.Insecure); err != nil {
		return err
	}
	d.ledger.allow(list)
	return nil
}
