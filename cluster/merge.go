package cluster

import (
	"errors"
	"slices"
	"sync"
)

// Merged joins several sources.
type Merged struct {
	sources []Source
	changed *signal
	wg      sync.WaitGroup
}

// Merge joins sources by address. If several sources list an address, the newest announcement wins, and
// an announcement wins over none. The result keeps a name that only an older announcement has. The
// result owns the sources: nobody else may receive from their Changed, and its Close closes them.
func Merge(sources ...Source) *Merged {
	m := &Merged{sources: slices.Clone(sources), changed: newSignal()}
	for _, s := range m.sources {
		m.wg.Go(func() {
			for range s.Changed() {
				m.changed.fire()
			}
		})
	}
	return m
}

// Donors is part of Source.
func (m *Merged) Donors() []Donor {
	at := map[string]int{}
	var donors []Donor
	for _, s := range m.sources {
		for _, d := range s.Donors() {
			i, ok := at[d.Address]
			if !ok {
				at[d.Address] = len(donors)
				donors = append(donors, d)
				continue
			}
			donors[i] = newer(donors[i], d)
		}
	}
	sortDonors(donors)
	return donors
}

// newer joins the entries of two sources for one address. a is from the earlier source.
func newer(a, b Donor) Donor {
	if b.Seen.After(a.Seen) {
		a, b = b, a
	}
	if a.Name == "" {
		a.Name = b.Name
	}
	return a
}

// Changed is part of Source.
func (m *Merged) Changed() <-chan struct{} { return m.changed.c }

// Close is part of Source.
func (m *Merged) Close() error {
	var errs []error
	for _, s := range m.sources {
		errs = append(errs, s.Close())
	}
	m.wg.Wait()
	m.changed.close()
	return errors.Join(errs...)
}
