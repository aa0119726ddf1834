package cluster

import (
	"cmp"
	"math"
	"slices"
)

// Conflict says that two donors announce one name from different addresses.
type Conflict struct {
	Name    string
	Address string // of the one that keeps the name
	Refused string // of the other, which is not listed
}

// claimant is an announcement and the member that made it.
type claimant struct {
	node string
	announced
}

// settle applies the rule of the package comment. The result depends on the set of announcements only,
// so members with the same announcements agree. No two winners have the same name or address.
func settle(all []claimant) (winners []claimant, conflicts []Conflict) {
	latest := map[string]claimant{} // by address
	for _, c := range all {
		old, ok := latest[c.Address]
		if !ok || cmp.Or(cmp.Compare(c.claim, old.claim), cmp.Compare(c.node, old.node)) > 0 {
			latest[c.Address] = c
		}
	}
	first := map[string]claimant{} // by name
	for _, c := range latest {
		old, ok := first[c.Name]
		if !ok || cmp.Or(cmp.Compare(c.claim, old.claim), cmp.Compare(c.Address, old.Address)) < 0 {
			first[c.Name] = c
		}
	}
	for _, c := range latest {
		if w := first[c.Name]; w.Address == c.Address {
			winners = append(winners, c)
		} else {
			conflicts = append(conflicts, Conflict{Name: c.Name, Address: w.Address, Refused: c.Address})
		}
	}
	slices.SortFunc(winners, func(a, b claimant) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(conflicts, func(a, b Conflict) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Refused, b.Refused))
	})
	return winners, conflicts
}

// nextClaim returns a claim above the highest claim of others.
func nextClaim(highest uint64) uint64 {
	if highest == math.MaxUint64 {
		return highest
	}
	return highest + 1
}
