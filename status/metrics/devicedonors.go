package metrics

import (
	"cmp"
	"strconv"

	"github.com/farswap/farswap/status"
)

// donorUpState is a donor's state while a device can use it.
const donorUpState = "up"

// donorSuspended is a donor's state while a connection to it is broken and its slabs stay.
const donorSuspended = "suspended"

// Families of a donor in the status of one device.
var (
	deviceDonors       = deviceGauge("donors", "Donors that the device knows, by state: up, suspended, connecting, down.", "state")
	deviceDonorUp      = deviceGauge("donor_up", "Whether the device can use the donor (1) or not (0).", "donor")
	deviceDonorInfo    = deviceGauge("donor_info", "Where a donor is and how pages travel to it; the value is 1.", "donor", "address", "transport")
	deviceDonorFree    = deviceGauge("donor_free_bytes", "Memory that the donor last offered.", "donor")
	deviceDonorTotal   = deviceGauge("donor_limit_bytes", "Memory that the donor lends at most, as it last said; 0 before it was asked.", "donor")
	deviceDonorP99     = deviceGauge("donor_read_p99_seconds", "99th percentile of reads of the donor's slabs in the last period of the placement; 0: none.", "donor")
	deviceDonorNormal  = deviceGauge("donor_read_p99_baseline_seconds", "What donor_read_p99_seconds is when all is well; 0: not known yet.", "donor")
	deviceDonorSlow    = deviceGauge("donor_slow", "Whether the placement holds the donor to be slow (1): it gets no slabs and loses its hottest.", "donor")
	deviceDonorAway    = deviceCounter("donor_suspended_seconds_total", "How long a connection to the donor was broken or silent while its slabs stayed.", "donor")
	deviceDonorAways   = deviceCounter("donor_suspensions_total", "How often a connection to the donor broke or fell silent while its slabs stayed.", "donor")
	deviceSlabs        = deviceGauge("slabs", "Slabs of the device by state and by the donor that they are on; donor is empty for those that are on none.", "state", "donor")
	deviceSlabActivity = deviceGauge("page_activity", "Page I/Os per second, smoothed, of the slabs on a donor; donor is empty for those that are on none.", "donor")
	deviceSlabPages    = deviceGauge("remote_pages", "Pages with a valid copy on a donor.", "donor")
)

// Families of each slab, with Options.Slabs.
var (
	slabActivity = deviceGauge("slab_page_activity", "Page I/Os per second, smoothed, of one slab.", "slab", "donor", "state")
	slabPages    = deviceGauge("slab_remote_pages", "Pages of one slab with a valid copy on its donor.", "slab", "donor", "state")
	slabP99      = deviceGauge("slab_read_p99_seconds", "99th percentile of the block reads of one slab since the start, by the probes; 0 without.", "slab", "donor", "state")
)

// donors adds the donors, and the sums of their slabs.
func (s *sink) donors(d *status.Device) {
	names, counts := donorNames(d.Donors), map[string]int{donorUpState: 0, donorSuspended: 0, "connecting": 0, "down": 0}
	for i := range d.Donors {
		donor, name := &d.Donors[i], names[i]
		counts[donor.State]++
		if name == Other {
			continue
		}
		s.truth(deviceDonorUp, donor.State == donorUpState, name)
		s.put(deviceDonorInfo, 1, name, donor.Address, donor.Transport)
		s.put(deviceDonorFree, float64(donor.Free), name)
		s.put(deviceDonorTotal, float64(donor.Total), name)
		s.put(deviceDonorP99, seconds(donor.P99), name)
		s.put(deviceDonorNormal, seconds(donor.Baseline), name)
		s.truth(deviceDonorSlow, donor.Slow, name)
		s.put(deviceDonorAway, seconds(donor.Suspended), name)
		s.put(deviceDonorAways, float64(donor.Suspensions), name)
	}
	for state, n := range counts {
		s.put(deviceDonors, float64(n), state)
	}
	s.slabs(d.Slabs, names)
}

// donorNames returns the labels of a device's donors. Of donors with one name, the first that is up keeps the
// name, or else the first; the label of the others is their address. Donors beyond MaxNamed are Other, in the
// order in which the device found them.
func donorNames(donors []status.Donor) []string {
	names, owner := make([]string, len(donors)), map[string]int{}
	for i, d := range donors {
		name := cmp.Or(d.Name, d.Address)
		first, taken := owner[name]
		if !taken || d.State == donorUpState && donors[first].State != donorUpState {
			owner[name] = i
		}
	}
	used := map[string]bool{}
	for i, d := range donors {
		name := cmp.Or(d.Name, d.Address)
		if owner[name] != i {
			name = d.Address
		}
		if _, isName := owner[name]; isName && owner[name] != i || used[name] || i >= MaxNamed {
			name = Other
		}
		names[i], used[name] = name, true
	}
	return names
}

func (s *sink) slabs(slabs []status.Slab, names []string) {
	type place struct{ state, donor string }
	counts := map[place]int{{"unmapped", ""}: 0}
	activity, pages, known := map[string]float64{}, map[string]int64{}, map[string]bool{}
	for _, name := range names {
		known[name] = true
	}
	for i := range slabs {
		slab := &slabs[i]
		donor := slab.Donor
		if donor != "" && !known[donor] {
			donor = Other
		}
		counts[place{slab.State, donor}]++
		activity[donor] += slab.Activity
		if donor != "" {
			pages[donor] += slab.RemotePages
		}
	}
	for p, n := range counts {
		s.put(deviceSlabs, float64(n), p.state, p.donor)
	}
	for donor, a := range activity {
		s.put(deviceSlabActivity, a, donor)
	}
	for donor, n := range pages {
		s.put(deviceSlabPages, float64(n), donor)
	}
}

// eachSlab adds the series of every slab. It skips a slab that occurs a second time, because Prometheus refuses a
// scrape with a series twice.
func (s *sink) eachSlab(d *status.Device) {
	seen := map[int]bool{}
	for i := range d.Slabs {
		slab := &d.Slabs[i]
		if seen[slab.Index] {
			continue
		}
		seen[slab.Index] = true
		n := strconv.Itoa(slab.Index)
		s.put(slabActivity, slab.Activity, n, slab.Donor, slab.State)
		s.put(slabPages, float64(slab.RemotePages), n, slab.Donor, slab.State)
		s.put(slabP99, seconds(slab.Latency.P99), n, slab.Donor, slab.State)
	}
}
