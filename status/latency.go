package status

import (
	"encoding/json"
	"time"
)

// Sources of a [Histogram], from the application down. The probes measure those of the kernel, which are
// absent without probes. The server measures the others.
const (
	SourceFault        = "fault"         // of the kernel: all of a page fault that met a swapped page
	SourceSwapIn       = "swapin"        // of the kernel: from the submission of a page's read to its end
	SourceBlockRead    = "block_read"    // of the kernel: a block request, from issue to completion
	SourceBlockWrite   = "block_write"   // of the kernel
	SourceRead         = "read"          // a request in the server, from fetch to commit
	SourceWrite        = "write"         // likewise
	SourceRemoteRead   = "remote_read"   // one read at a donor, waiting time included
	SourceRemoteWrite  = "remote_write"  // likewise
	SourceBackingRead  = "backing_read"  // one read of the backing file
	SourceBackingWrite = "backing_write" // likewise
)

// Histogram has all durations of one source since the server's start. Operations at donors and of the
// backing file count only if they succeed. For the distribution over a time, subtract two.
type Histogram struct {
	Source  string       `json:"source"`
	Latency Distribution `json:"latency"`
}

// CgroupLatency has the durations of all faults of one control group since the server's start.
type CgroupLatency struct {
	ID      uint64       `json:"id"`
	Name    string       `json:"name"` // path below the cgroup root; the id once the group is gone
	Latency Distribution `json:"latency"`
}

// Probes describes the probes in the kernel.
type Probes struct {
	State   string   `json:"state"`             // on, off, failed
	Reason  string   `json:"reason,omitempty"`  // why they are not on
	Hooks   []string `json:"hooks"`             // attached hooks, by the kernel's names; never null in JSON
	Missing []string `json:"missing,omitempty"` // sources without a hook in this kernel
	Memory  int64    `json:"memory_bytes"`      // of their maps

	MajorFaults uint64 `json:"major_faults"` // on the device
	ReadAhead   uint64 `json:"read_ahead"`   // pages that readahead asked for
	ReadUnused  uint64 `json:"read_unused"`  // part of ReadAhead: pages that went away unused; 0 if the kernel does not tell
	Lost        uint64 `json:"lost"`         // durations that no histogram has
}

// States of [Probes].
const (
	ProbesOn     = "on"
	ProbesOff    = "off"
	ProbesFailed = "failed"
)

// MaxSlowest is the maximal length of Device.Slowest.
const MaxSlowest = 32

// SlowPage is a slow request with the parts of its time, in nanoseconds. The server spent the time that is
// in no part: its thread was busy or did not get a processor.
//
// Parts may overlap, since a write goes to its donors and to the backing file at the same time. Backing is
// 0 for a write that the server answered before the backing file had it.
//
// Blame names the part that took most of the total: the donor for Remote, the backing file for Backing, and
// the server for the larger of Queued and the rest without Remote and Backing. Of equal parts the donor
// comes first, then the backing file.
type SlowPage struct {
	At      time.Time `json:"at"`              // time of the answer
	Op      string    `json:"op"`              // read, write
	Page    int64     `json:"page"`            // its first
	Pages   int       `json:"pages"`           // number of pages
	Slab    int       `json:"slab"`            // of its first page
	Donor   string    `json:"donor,omitempty"` // name of the donor with the longest part
	Total   int64     `json:"total_ns"`        // from fetch to commit
	Queued  int64     `json:"queued_ns"`       // wait for a page in use, a donor or a buffer
	Remote  int64     `json:"remote_ns"`       // longest part at a donor, waiting time included
	Backing int64     `json:"backing_ns"`      // longest part in the backing file
	Blame   string    `json:"blame"`           // server, donor, backing
}

// Values of [SlowPage.Blame].
const (
	BlameServer  = "server"
	BlameDonor   = "donor"
	BlameBacking = "backing"
)

// MaxEvents is the maximal length of Device.Events.
const MaxEvents = 256

// Event is news for an operator: a donor came or is lost, a slab moved, a page had a wrong checksum.
type Event struct {
	Seq   uint64    `json:"seq"` // from 1, without gaps
	At    time.Time `json:"at"`
	Level string    `json:"level"` // info, warn, error
	Kind  string    `json:"kind"`  // one of the below
	Slab  int       `json:"slab"`  // NoSlab: the event concerns no slab
	Donor string    `json:"donor,omitempty"`
	Text  string    `json:"text"` // for people, with the words of the log
}

// NoSlab as [Event.Slab] stands for no slab.
const NoSlab = -1

// Kinds of an [Event].
const (
	EventDonorNew       = "donor-new"       // found in the cluster
	EventDonorIgnored   = "donor-ignored"   // found in the cluster, and the device has as many as it can have
	EventDonorUp        = "donor-up"        // connected
	EventDonorSuspended = "donor-suspended" // a connection is made anew, and its slabs stay
	EventDonorResumed   = "donor-resumed"   // it goes on, and no slab was lost
	EventDonorLost      = "donor-lost"      // its slabs are served by the backing file
	EventDonorUnusable  = "donor-unusable"  // cannot be used yet, or any more, and why
	EventTransport      = "transport"       // one can be used now, or cannot, or a faster one failed
	EventSlabMapped     = "slab-mapped"
	EventSlabMoved      = "slab-moved"     // to another donor, while in use
	EventSlabDropped    = "slab-dropped"   // to the backing file, because no other donor took it
	EventSlabKept       = "slab-kept"      // its donor wants it back, and that fails
	EventSlabStuck      = "slab-stuck"     // of a lost donor, and operations on it do not end
	EventNoRoom         = "no-room"        // no donor takes a hot slab
	EventCorrupt        = "corrupt"        // a page failed its checksum
	EventForged         = "forged"         // a page matches its checksum, and this device has not sealed it
	EventWrittenOut     = "written-out"    // a page was written as often as a sealed page can be
	EventBackingFailed  = "backing-failed" // an I/O of the backing file
	EventScrubbed       = "scrubbed"       // pages that lacked a good copy have both again
	EventFault          = "fault"          // something of the server's own went wrong
)

// Levels of an [Event].
const (
	LevelInfo  = "info"
	LevelWarn  = "warn"
	LevelError = "error"
)

// Decision is one move that the placement policy ordered, with the figures behind it.
type Decision struct {
	Seq  uint64    `json:"seq"` // from 1, without gaps
	At   time.Time `json:"at"`
	Slab int       `json:"slab"`
	From string    `json:"from,omitempty"` // name of the donor; empty: the slab was on none
	To   string    `json:"to,omitempty"`   // name of the donor; empty: no donor took the slab
	Rule string    `json:"rule"`           // one of these words, which stay: emptier, faster, slow-donor, given-back, new-machine, only-one
	Why  string    `json:"why"`            // for people, with the figures
	Took int64     `json:"took_ns"`        // until the move was over; 0: it did not happen

	Figures []DonorFigures `json:"figures"` // of the compared donors, the chosen one first
}

// MarshalJSON writes absent figures as [], so that a reader can always loop.
func (d Decision) MarshalJSON() ([]byte, error) {
	type plain Decision
	p := plain(d)
	p.Figures = list(p.Figures)
	return json.Marshal(p)
}

// DonorFigures is what the policy knew about a donor.
type DonorFigures struct {
	Donor    string  `json:"donor"`
	Free     float64 `json:"free"`        // share of its memory, 0 to 1; -1: not asked
	P99      int64   `json:"p99_ns"`      // of its slabs' reads in the last period; 0: none
	Baseline int64   `json:"baseline_ns"` // P99 when all is well; 0: not known yet
	Slow     bool    `json:"slow"`
}
