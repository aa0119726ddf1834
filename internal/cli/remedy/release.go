package remedy

import (
	"fmt"
	"strings"

	"github.com/farswap/farswap/internal/inuse"
)

// Release says how to end the uses of a device that has a server, empty if there are none.
func (f Facts) Release() string {
	var steps []string
	for _, u := range f.Uses {
		if u.Kind == inuse.Swap {
			steps = append(steps, fmt.Sprintf("it is swap: `farswap ublk stop --swapoff %d` brings the pages back first", f.ID))
			continue
		}
		steps = append(steps, u.String())
	}
	return strings.Join(steps, "; ")
}
