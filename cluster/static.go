package cluster

import "fmt"

// Static is a list that never changes.
type Static struct {
	donors  []Donor
	changed *signal
}

// NewStatic lists donors by their control addresses, HOST:PORT. A wrong address, or the same address
// twice, is ErrConfig.
func NewStatic(addresses ...string) (*Static, error) {
	s := &Static{changed: newSignal()}
	seen := map[string]bool{}
	for _, address := range addresses {
		if err := CheckAddress(address); err != nil {
			return nil, fmt.Errorf("donor: %w", err)
		}
		if seen[address] {
			return nil, fmt.Errorf("donor %q is given twice: %w", address, ErrConfig)
		}
		seen[address] = true
		s.donors = append(s.donors, Donor{Address: address, Source: "static"})
	}
	sortDonors(s.donors)
	return s, nil
}

// Donors is part of Source.
func (s *Static) Donors() []Donor { return append([]Donor(nil), s.donors...) }

// Changed is part of Source. The channel gets no signal; Close closes it.
func (s *Static) Changed() <-chan struct{} { return s.changed.c }

// Close is part of Source.
func (s *Static) Close() error {
	s.changed.close()
	return nil
}
