package machine

import (
	"strconv"
	"strings"
)

// Readahead is what the kernel reads from swap before a program asks, whatever the swap is on.
type Readahead struct {
	// Cluster is vm.page-cluster: the kernel reads up to 2 to this power of pages at a time.
	Cluster int
	// Pages were read ahead since the kernel booted, and Used of them were asked for. Both are 0
	// where the kernel does not count them.
	Pages, Used uint64
}

// Readahead is about the kernel's readahead of swap. It is false if the kernel does not tell.
func (m *Machine) Readahead() (Readahead, bool) {
	cluster, err := strconv.Atoi(m.read("proc/sys/vm/page-cluster"))
	if err != nil || cluster < 0 {
		return Readahead{}, false
	}
	r := Readahead{Cluster: cluster}
	for line := range strings.SplitSeq(m.read("proc/vmstat"), "\n") {
		name, value, _ := strings.Cut(line, " ")
		n, err := strconv.ParseUint(value, 10, 64)
		switch {
		case err != nil:
		case name == "swap_ra":
			r.Pages = n
		case name == "swap_ra_hit":
			r.Used = n
		}
	}
	return r, true
}
