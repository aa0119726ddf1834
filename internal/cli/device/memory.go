package device

import (
	"cmp"
	"slices"
	"strings"

	"github.com/farswap/farswap/internal/human"
	"github.com/farswap/farswap/status"
)

// lockedWords says how much memory the server has locked, and what for, the largest part
// first. Parts that round to nothing are left out.
func lockedWords(m status.Memory) string {
	words := human.Bytes(m.Locked) + " locked"
	parts := slices.SortedStableFunc(slices.Values(m.LockedFor.Parts()), func(a, b status.LockedPart) int { return cmp.Compare(b.Bytes, a.Bytes) })
	var list []string
	for _, p := range parts {
		if p.Bytes >= 1<<20/10 {
			list = append(list, p.Purpose+" "+human.Bytes(p.Bytes))
		}
	}
	if len(list) == 0 {
		return words
	}
	return words + " (" + strings.Join(list, ", ") + ")"
}
