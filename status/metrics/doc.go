// Package metrics turns the status of the servers on a machine into metrics for Prometheus.
//
// # Dangers
//
//   - Names, labels and units are a contract like that of package status: dashboards and alerts build
//     on them. contrib/prometheus and contrib/grafana use this package's names, and its tests run them.
//   - A scrape asks every server of the machine. Everybody who reaches the handler can make the servers
//     work, at most one scrape at a time. A scrape shows the names of donors, certificates and control
//     groups, and no content of pages.
//   - A server that does not answer delays a scrape by [askTimeout]. The scrape contains the other
//     servers all the same, and shows the missing one by a farswap_device_up or farswap_donor_up of 0.
//   - A new process with [Exporter.WriteText] remembers nothing: the control groups with series of their
//     own can differ from those of the process before. See "Control groups".
//
// # Names
//
//	farswap_device_…  a swap device, label device (ublkb0, as node_exporter's disks have it)
//	farswap_donor_…   a donor of this machine, label donor
//	farswap_exporter_… the scrape itself
//
// The label donor of a farswap_device_ metric is the device's name for a donor, usually on another machine.
// Counters begin with the server and have its start as their creation time.
//
// The quantiles since the start, which status has, are not metrics, because nobody can subtract the past from
// a quantile. Histograms have them for any time.
//
// # Histograms
//
// Each histogram has native buckets, 8 for a power of two, and a few classic buckets for a Prometheus that
// does not ask for native ones. The buckets of the servers (status.Distribution) are finer. Each of them
// goes as a whole to the native bucket that contains its middle, so the edge of a native bucket is off by
// 1/32 of the duration at most. The bounds of the classic buckets are bounds of the servers' buckets, so
// their counts are exact; only a duration of exactly the bound, to the nanosecond, counts as longer.
//
// # Number of series
//
// The number does not depend on the number of slabs, because the package sums slabs by state and donor. With
// [Options.Slabs] each slab has series of its own. Donors of a device and identities at a donor have series of
// their own up to [MaxNamed]; the package sums the rest as [Other]. So a device with 256 donors and any number
// of slabs has about 2,700 series, of which 400 are histograms.
//
// # Control groups
//
// The groups with the most faults have a histogram each, up to [Options.Cgroups] of them. The package sums the
// rest as [Other]. It never moves counts from one name to another, so that each counter only grows: a group
// that gets a series of its own starts there from zero. Once a minute the package reviews which groups have
// one, and changes one series at most. The path identifies a group, so a service that restarts goes on with
// its series.
package metrics
