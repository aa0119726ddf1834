package cluster

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func claims(name, address, node string, claim uint64) claimant {
	return claimant{node, announced{Announcement: Announcement{Name: name, Address: address}, claim: claim}}
}

func TestSettle(t *testing.T) {
	for name, test := range map[string]struct {
		all       []claimant
		want      []string // nodes
		conflicts []Conflict
	}{
		"nobody":        {},
		"apart":         {[]claimant{claims("a", "h:1", "x", 1), claims("b", "h:2", "y", 1)}, []string{"x", "y"}, nil},
		"first wins":    {[]claimant{claims("a", "h:1", "x", 2), claims("a", "h:2", "y", 1)}, []string{"y"}, []Conflict{{"a", "h:2", "h:1"}}},
		"equal claims":  {[]claimant{claims("a", "h:2", "x", 1), claims("a", "h:1", "y", 1)}, []string{"y"}, []Conflict{{"a", "h:1", "h:2"}}},
		"restarted":     {[]claimant{claims("a", "h:1", "x", 1), claims("a", "h:1", "y", 2)}, []string{"y"}, nil},
		"renamed":       {[]claimant{claims("a", "h:1", "x", 1), claims("b", "h:1", "y", 2)}, []string{"y"}, nil},
		"name set free": {[]claimant{claims("a", "h:1", "x", 1), claims("b", "h:1", "y", 3), claims("a", "h:2", "z", 2)}, []string{"z", "y"}, nil},
	} {
		winners, conflicts := settle(test.all)
		var nodes []string
		for _, w := range winners {
			nodes = append(nodes, w.node)
		}
		if !slices.Equal(nodes, test.want) || !slices.Equal(conflicts, test.conflicts) {
			t.Errorf("%s: %v, conflicts %v", name, nodes, conflicts)
		}
	}
}

// Members agree regardless of the order in which announcements arrive. No donor is missing without a
// reason, and no name or address is in the list twice.
func TestSettleAgrees(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) claimant {
			pick := func(label string, from ...string) string { return rapid.SampledFrom(from).Draw(t, label) }
			return claims(pick("name", "a", "b", "c"), pick("address", "h:1", "h:2", "h:3", "h:4"),
				rapid.StringMatching("[0-9]{8}").Draw(t, "node"), rapid.Uint64Range(1, 4).Draw(t, "claim"))
		}), 0, 12, func(c claimant) string { return c.node }).Draw(t, "all")
		winners, conflicts := settle(all)
		again, conflictsAgain := settle(rapid.Permutation(all).Draw(t, "order"))
		if !slices.Equal(winners, again) || !slices.Equal(conflicts, conflictsAgain) {
			t.Fatalf("%v and %v, conflicts %v and %v", winners, again, conflicts, conflictsAgain)
		}
		names, addresses, all2 := map[string]string{}, map[string]bool{}, map[string]bool{}
		for _, w := range winners {
			if names[w.Name] != "" || addresses[w.Address] {
				t.Fatalf("%v twice in %v", w, winners)
			}
			names[w.Name], addresses[w.Address] = w.Address, true
		}
		for _, c := range conflicts {
			if names[c.Name] != c.Address || addresses[c.Refused] {
				t.Fatalf("conflict %v with winners %v", c, winners)
			}
			addresses[c.Refused] = true
		}
		for _, c := range all {
			all2[c.Address] = true
		}
		if len(all2) != len(addresses) {
			t.Fatalf("addresses %v, accounted for %v", all2, addresses)
		}
	})
}
