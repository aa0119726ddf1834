package status

import (
	"encoding/json"
	"time"
)

// States of a [Device]. The kernel uses a device from StateLive on.
const (
	StateStarting = "starting" // exists and takes no I/O yet
	StateLive     = "live"     // takes I/O
	StateStopping = "stopping" // a stop is under way
	StateLeaving  = "leaving"  // the server ends, and another one takes the device over
	StateDead     = "dead"     // the kernel still has the device; its server is gone
)

// Device is the status of one swap device at one moment, from its server. Counters begin with the server
// and never go down.
type Device struct {
	Schema int `json:"schema"` // see Schema; MarshalJSON sets it

	ID        int     `json:"id"`
	Path      string  `json:"path"`
	State     string  `json:"state"`
	Size      int64   `json:"size"`      // bytes
	SlabSize  int64   `json:"slab_size"` // bytes
	Ack       string  `json:"ack"`       // acknowledge policy: remote-first, strict
	Transport string  `json:"transport"` // in use, fastest first, joined by +; without a connected donor the one that the device will use
	Pages     Pages   `json:"pages"`
	IO        IO      `json:"io"`
	Latency   Latency `json:"latency_ns"`
	Memory    Memory  `json:"memory"`
	Donors    []Donor `json:"donors"` // never null in JSON
	Slabs     []Slab  `json:"slabs"`  // never null in JSON

	PID       int       `json:"pid"`
	Started   time.Time `json:"started"`
	Target    string    `json:"target"`             // swap, null, loop or hdd
	Swap      bool      `json:"swap"`               // listed in /proc/swaps
	Degraded  bool      `json:"degraded"`           // it serves with less safety than configured
	Reason    string    `json:"degraded_reason"`    // empty unless Degraded
	Backing   string    `json:"backing"`            // path, or "none"
	BackingOK bool      `json:"backing_ok"`         // false while the last read of the backing file, or the last write to it, has failed
	Queues    int       `json:"queues"`             // hardware queues
	Depth     int       `json:"depth"`              // requests in flight per queue
	MaxIO     int       `json:"max_io"`             // bytes of one request
	Ublk      []string  `json:"ublk"`               // names of the driver flags that the kernel has granted
	Insecure  bool      `json:"insecure,omitempty"` // control sessions run without TLS
	Sealed    bool      `json:"sealed"`             // pages are encrypted and authenticated before they leave the device's process

	Moves Moves `json:"moves"`
	Scrub Scrub `json:"scrub"`

	TransportSetting string `json:"transport_setting"` // the configured one: auto, rdma, tcp

	At         time.Time       `json:"at"`         // time of this status
	Placement  string          `json:"placement"`  // policy: paper, latency
	Probes     Probes          `json:"probes"`     // in the kernel
	Histograms []Histogram     `json:"histograms"` // never null in JSON, as are the lists below
	Cgroups    []CgroupLatency `json:"cgroups"`    // with the most faults first
	Slowest    []SlowPage      `json:"slowest"`    // of the last minute, slowest first
	Events     []Event         `json:"events"`     // the last ones, oldest first
	Decisions  []Decision      `json:"decisions"`  // the last ones, oldest first

	DonorsIgnored int `json:"donors_ignored"` // donors of the cluster that it does not use, because it has as many as it can have

	UblkRefused uint64 `json:"ublk_refused"` // commands of queues that the driver refused; each is sent again, or its queue fails

	Certificate *Certificate `json:"certificate,omitempty"` // absent without TLS

	LogDropped uint64 `json:"log_dropped"` // lines of the server's log that were dropped because nobody read them in time

	Generation int `json:"generation"`  // servers that the device has had, this one included; 0: it ends with its server
	StandbyPID int `json:"standby_pid"` // process that takes the device over if its server dies; 0: none is ready
}

// Pages counts the pages of a device by the places of their valid copies. Each page is in one counter, so
// the five add up to the pages of the device.
type Pages struct {
	Remote  int64 `json:"remote"`  // on a donor only
	Backing int64 `json:"backing"` // in the backing file only
	Both    int64 `json:"both"`    // on a donor and in the backing file
	None    int64 `json:"none"`    // never written, or discarded: reads give zeros
	Lost    int64 `json:"lost"`    // written, and without a copy: reads give errors
}

// IO counts requests of the kernel and the I/O that they cause.
type IO struct {
	Reads     uint64 `json:"reads"`
	Writes    uint64 `json:"writes"`
	Discards  uint64 `json:"discards"`
	Errors    uint64 `json:"errors"`    // requests that ended with an error in the kernel
	Corrupt   uint64 `json:"corrupt"`   // pages with a wrong checksum, which the server read again or from another copy
	Forged    uint64 `json:"forged"`    // pages with a right checksum that this device has not sealed, which it read from another copy
	Failovers uint64 `json:"failovers"` // slabs that the device took off a failed donor

	Flushes       uint64 `json:"flushes"`
	BytesRead     uint64 `json:"bytes_read"`
	BytesWritten  uint64 `json:"bytes_written"`
	RemoteReads   uint64 `json:"remote_reads"`   // pages that came from donors, fetched ahead or not
	RemoteWrites  uint64 `json:"remote_writes"`  // pages written to donors
	BackingReads  uint64 `json:"backing_reads"`  // pages read from the backing file
	BackingWrites uint64 `json:"backing_writes"` // pages written to the backing file
	ZeroReads     uint64 `json:"zero_reads"`     // pages answered with zeros, without I/O
	Prefetched    uint64 `json:"prefetched"`     // pages that the device read from donors ahead of a request
	PrefetchHits  uint64 `json:"prefetch_hits"`  // RemoteReads that were fetched ahead
	HedgedReads   uint64 `json:"hedged_reads"`   // reads that were asked for a second time, of the backing file, because a donor was late
	HedgedWins    uint64 `json:"hedged_wins"`    // HedgedReads that the backing file answered first
}

// Quantiles are of a latency distribution, in nanoseconds. All are 0 before the first sample.
type Quantiles struct {
	P50  int64 `json:"p50"`
	P99  int64 `json:"p99"`
	P999 int64 `json:"p999"`
}

// Latency is that of the kernel's requests, from fetch to commit.
type Latency struct {
	Read  Quantiles `json:"read"`
	Write Quantiles `json:"write"`
}

// Memory is the memory that the server holds for a device.
type Memory struct {
	PerPage float64 `json:"per_page_bytes"` // bytes of state for each page of the device
	Locked  int64   `json:"locked_bytes"`   // that the server's process has locked in RAM, all of it

	PerPageTotal int64   `json:"per_page_total_bytes"` // PerPage for all pages
	PerPageShare float64 `json:"per_page_percent"`     // PerPageTotal in percent of the device's size

	LockedFor Locked `json:"locked"` // Locked by what it is for
}

// SetPerPage sets the three figures about per-page state from the total, in bytes. With a deviceSize of 0
// the two ratios stay 0.
func (m *Memory) SetPerPage(total, deviceSize, pageSize int64) {
	m.PerPageTotal = total
	if deviceSize <= 0 {
		return
	}
	m.PerPage = float64(total) * float64(pageSize) / float64(deviceSize)
	m.PerPageShare = 100 * float64(total) / float64(deviceSize)
}

// Donor is a donor in the status of one device.
type Donor struct {
	Name    string    `json:"name"`
	Address string    `json:"address"` // of its control port, as configured
	State   string    `json:"state"`
	Slabs   int       `json:"slabs"` // slabs of this device that it holds
	Latency Quantiles `json:"latency_ns"`

	Transport string `json:"transport"` // of its pages; empty unless connected

	Free  int64  `json:"free_bytes"`      // that it last offered
	Error string `json:"error,omitempty"` // why the device cannot use it; empty if it can

	Total    int64 `json:"total_bytes"` // that it lends at most, by its last answer; 0: not asked yet
	P99      int64 `json:"p99_ns"`      // of its slabs' reads in the last period of the placement; 0: none
	Baseline int64 `json:"baseline_ns"` // P99 when all is well; 0: not known yet
	Slow     bool  `json:"slow"`        // it gets no new slabs and loses its hottest

	Suspended   int64  `json:"suspended_ns"` // how long a connection to it was broken or silent while its slabs stayed, in all
	Suspensions uint64 `json:"suspensions"`  // how often that happened
}

// Slab is one slab of a device's address space.
type Slab struct {
	Index       int     `json:"index"`
	State       string  `json:"state"`
	Donor       string  `json:"donor"`    // name; empty unless the slab is on one
	Activity    float64 `json:"activity"` // page I/Os per second, smoothed
	RemotePages int64   `json:"remote_pages"`

	Pages   int64     `json:"pages"`      // of the slab
	Latency Quantiles `json:"latency_ns"` // of its block reads since the start, by the probes; 0 without
}

// Moves counts slabs that donors wanted back, and slabs that left slow donors.
type Moves struct {
	Slabs   uint64 `json:"slabs"`   // moved to another donor
	Slow    uint64 `json:"slow"`    // part of Slabs: their donor was slow
	Dropped uint64 `json:"dropped"` // the backing file serves them since, because no other donor had room
	Pages   uint64 `json:"pages"`   // copied by moves
	Last    int64  `json:"last_ns"` // duration of the last move

	Drained int64 `json:"drained_ns"` // how long operations on the last dropped slab were still in flight at its donor
}

// Scrub counts pages whose copies the device has brought back to where they should be.
type Scrub struct {
	Backed  uint64 `json:"backed"`  // from a donor to the backing file, which lacked them
	Warmed  uint64 `json:"warmed"`  // from the backing file to the donor of their slab, which is hot
	Mended  uint64 `json:"mended"`  // bad copies that were written anew
	Failed  uint64 `json:"failed"`  // copies that failed; they are tried again
	Lacking int64  `json:"lacking"` // that the backing file lacks now, lost pages included: while there are any, flushes fail
}

// MarshalJSON writes absent lists as [], so that a reader can always loop.
func (d Device) MarshalJSON() ([]byte, error) {
	type plain Device
	p := plain(d)
	p.Schema = Schema
	p.Donors, p.Slabs = list(p.Donors), list(p.Slabs)
	p.Ublk, p.Probes.Hooks = list(p.Ublk), list(p.Probes.Hooks)
	p.Histograms, p.Cgroups, p.Slowest = list(p.Histograms), list(p.Cgroups), list(p.Slowest)
	p.Events, p.Decisions = list(p.Events), list(p.Decisions)
	return json.Marshal(p)
}

// list is l, or an empty list if there is none.
func list[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}
