// Package metrics turns what the servers of a machine say about themselves into metrics
// for Prometheus.
//
// Dangers first:
//
//   - Names, labels and units are a contract, as those of package status are:
//     dashboards and alerts build on them. contrib/prometheus and contrib/grafana are
//     written against this package, and its tests run them.
//   - A scrape asks every server of the machine. Whoever may reach the handler can make
//     the servers work, at most one scrape at a time; and the names of donors,
//     certificates and control groups are in it, though nothing of any page.
//   - A server that does not answer costs a scrape [askTimeout]. The others are there
//     all the same, and the missing one is told by farswap_device_up or
//     farswap_donor_up being 0.
//   - [Exporter.WriteText] starts from nothing on every call of a new process: which
//     control groups have series of their own can change from one to the next. See
//     "Control groups".
//
// # Names
//
//	farswap_device_…  a swap device, label device (ublkb0, as node_exporter's disks have it)
//	farswap_donor_…   a donor of this machine, label donor
//	farswap_exporter_… the scrape itself
//
// Label donor of a farswap_device_ metric is a donor as the device knows it, usually on
// another machine. Counters run from the start of the server, which they carry as their
// creation time.
//
// Quantiles since the start, which status has, are no metrics: what is over cannot be
// taken out of them. Histograms say the same for any time.
//
// # Histograms
//
// Each is a native histogram of 8 buckets a power of two, and a classic one with few
// buckets for a Prometheus that does not ask for native ones. The servers' own buckets
// (package loghist) are finer. Each of them goes as a whole to the native bucket
// that its middle lies in, so a native bucket's edge is off by 1/32 of the duration at
// most. The bounds of the classic buckets are bounds of loghist: their counts are exact,
// but that a duration of exactly the bound, to the nanosecond, counts as longer.
//
// # How many series there are
//
// Not more for more slabs: they are summed by state and donor. [Options.Slabs] gives each
// its own, for a machine where that is wanted. Donors of a device and identities
// at a donor have series of their own up to [MaxNamed], the rest are summed as [Other].
// So a device with 256 donors and any number of slabs has about 2,700 series, of which 400
// are histograms.
//
// # Control groups
//
// The groups with the most faults have a histogram each, at most [Options.Cgroups] of
// them; the rest is summed as [Other]. What was counted under one name is never counted
// under another, so that each counter only grows: a group that gets its own series
// starts there with what comes from then on. Who has one is looked at again once a
// minute, and one series changes its group then at most. A group is known by its path. A
// service that starts again goes on with its series.
package metrics
