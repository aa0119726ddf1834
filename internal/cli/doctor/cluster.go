package doctor

import (
	"fmt"

	"github.com/farswap/farswap/internal/machine"
	"github.com/farswap/farswap/slabmap"
	"github.com/farswap/farswap/status"
)

const (
	// measuredReads is how many reads of swap devices, and measuredAhead how many pages that the
	// kernel has read ahead, say something about the programs.
	measuredReads = 10_000
	measuredAhead = 1_000
	// mostCluster is the largest vm.page-cluster that is advised, the kernel's default: 8 pages at
	// a time. Reads of so many were measured, and longer ones were not.
	mostCluster = 3
)

// clusterChecks are about vm.page-cluster, by what the kernel has counted since it booted and
// what the swap devices have read in all. There is none before enough was measured.
func clusterChecks(m *machine.Machine, io status.IO) []check {
	r, ok := m.Readahead()
	if !ok || io.Reads < measuredReads {
		return nil
	}
	c := check{Area: areaServed, Name: "page-cluster", State: machine.OK}
	pages := float64(io.BytesRead) / slabmap.PageSize / float64(io.Reads)
	c.Found = fmt.Sprintf("vm.page-cluster is %d, and a read asks for %.1f pages", r.Cluster, pages)
	known := r.Pages >= measuredAhead
	if known {
		c.Found += fmt.Sprintf("; of those that the kernel reads ahead, %s are used", percent(r.Used, r.Pages))
	}
	if io.Prefetched > 0 {
		c.Found += fmt.Sprintf("; the devices had fetched %s ahead, and used %s of what they fetched",
			percent(io.PrefetchHits, io.RemoteReads), percent(io.PrefetchHits, io.Prefetched))
	}
	if want := wantedCluster(r, known, pages, io); want != r.Cluster {
		c.State, c.Advice = machine.Warn, fmt.Sprintf("sysctl vm.page-cluster=%d", want)
		if want < r.Cluster {
			c.Advice += ": fewer pages are read in vain"
		} else {
			c.Advice += fmt.Sprintf(": up to %d pages come with one request", 1<<want)
		}
	}
	return []check{c}
}

// wantedCluster is the vm.page-cluster that fits. A page that is read ahead in vain costs memory
// of the programs and time of the donor, so at least half are to be used: one step less if they
// are not, and none of it if not even a quarter is. More pages at a time are wanted where most
// pages are read in an order that the devices see, and reads are as long as they may be.
func wantedCluster(r machine.Readahead, known bool, pages float64, io status.IO) int {
	rare := known && 2*r.Used < r.Pages
	switch {
	case rare && 4*r.Used < r.Pages:
		return 0
	case rare:
		return max(0, r.Cluster-1)
	case r.Cluster < mostCluster && 2*io.PrefetchHits > io.RemoteReads && pages >= 0.75*float64(int(1)<<r.Cluster):
		return mostCluster
	}
	return r.Cluster
}

func percent(part, of uint64) string {
	if of == 0 {
		return "0%"
	}
	return fmt.Sprintf("%.0f%%", 100*float64(part)/float64(of))
}
