package status

import (
	"encoding/json"
	"time"
)

// Sources of a [Histogram], from the application down. Those of the kernel come from
// the probes, and are absent where there are none; the others are the server's own.
const (
	SourceFault        = "fault"         // of the kernel: all of a page fault that met a swapped page
	SourceSwapIn       = "swapin"        // of the kernel: from the submission of a page's read to its end
	SourceBlockRead    = "block_read"    // of the kernel: a block request, from issue to completion
	SourceBlockWrite   = "block_write"   // of the kernel
	SourceRead         = "read"          // a request in the server, from fetch to commit
	SourceWrite        = "write"         // likewise
	SourceRemoteRead   = "remote_read"   // one read at a donor, its time in line included
	SourceRemoteWrite  = "remote_write"  // likewise
	SourceBackingRead  = "backing_read"  // one read of the backing file
	SourceBackingWrite = "backing_write" // likewise
)

// Histogram is all durations of one source since the server's start; of parts, those
// that succeeded. The distribution over a time is the difference of two.
type Histogram struct {
	Source  string       `json:"source"`
	Latency Distribution `json:"latency"`
}

// CgroupLatency is the faults of one control group since the server's start.
type CgroupLatency struct {
	ID      uint64       `json:"id"`
	Name    string       `json:"name"` // path below the cgroup root; the id once the group is gone
	Latency Distribution `json:"latency"`
}

// Probes says what the probes in the kernel measure.
type Probes struct {
	State   string   `json:"state"`             // on, off, failed
	Reason  string   `json:"reason,omitempty"`  // why they are not on
	Hooks   []string `json:"hooks"`             // attached, by the kernel's names; never null in JSON
	Missing []string `json:"missing,omitempty"` // sources that this kernel has no hook for
	Memory  int64    `json:"memory_bytes"`      // of their maps

	MajorFaults uint64 `json:"major_faults"` // on the device
	ReadAhead   uint64 `json:"read_ahead"`   // pages that readahead asked for
	ReadUnused  uint64 `json:"read_unused"`  // of those, pages that went away unused; 0 if it cannot be told
	Lost        uint64 `json:"lost"`         // durations that are in no histogram
}

// States of [Probes].
const (
	ProbesOn     = "on"
	ProbesOff    = "off"
	ProbesFailed = "failed"
)

// MaxSlowest is how many requests [Device.Slowest] has at most.
const MaxSlowest = 32

// SlowPage is a request that took long, and where its time went, in nanoseconds. What
// is in no part the server spent: its thread was busy or did not get a processor.
//
// Parts may overlap: a write is sent to its donors and to the backing file at the same
// time. The backing file's part of a write that was answered before it ended is 0.
//
// Blame is who took the most of the total: the donor for Remote, the backing file for
// Backing, the server for Queued or for what is left without the two, whichever is
// more. Of equals, the donor before the backing file before the server.
type SlowPage struct {
	At      time.Time `json:"at"`              // when it was answered
	Op      string    `json:"op"`              // read, write
	Page    int64     `json:"page"`            // its first
	Pages   int       `json:"pages"`           // how many it was for
	Slab    int       `json:"slab"`            // of its first page
	Donor   string    `json:"donor,omitempty"` // name, of its longest part at one
	Total   int64     `json:"total_ns"`        // from fetch to commit
	Queued  int64     `json:"queued_ns"`       // parked: waiting for a page in use, a donor or a buffer
	Remote  int64     `json:"remote_ns"`       // its longest part at a donor, in line for it included
	Backing int64     `json:"backing_ns"`      // its longest part in the backing file
	Blame   string    `json:"blame"`           // server, donor, backing
}

// Values of [SlowPage.Blame].
const (
	BlameServer  = "server"
	BlameDonor   = "donor"
	BlameBacking = "backing"
)

// MaxEvents is how many events [Device.Events] has at most.
const MaxEvents = 256

// Event is something that an operator may want to know of: a donor came or was lost, a
// slab moved, a page failed its checksum.
type Event struct {
	Seq   uint64    `json:"seq"` // from 1, without gaps
	At    time.Time `json:"at"`
	Level string    `json:"level"` // info, warn, error
	Kind  string    `json:"kind"`  // one of the below
	Slab  int       `json:"slab"`  // -1: of no slab
	Donor string    `json:"donor,omitempty"`
	Text  string    `json:"text"` // for people: the log has the same words
}

// NoSlab as [Event.Slab] stands for none.
const NoSlab = -1

// Kinds of an [Event].
const (
	EventDonorNew      = "donor-new"      // found in the cluster
	EventDonorUp       = "donor-up"       // connected
	EventDonorLost     = "donor-lost"     // its slabs are served by the backing file
	EventDonorUnusable = "donor-unusable" // cannot be used yet, or any more, and why
	EventTransport     = "transport"      // one can be used now, or cannot, or a faster one failed
	EventSlabMapped    = "slab-mapped"
	EventSlabMoved     = "slab-moved"     // to another donor, while in use
	EventSlabDropped   = "slab-dropped"   // to the backing file, because no other donor took it
	EventSlabKept      = "slab-kept"      // its donor wants it back, and that fails
	EventSlabStuck     = "slab-stuck"     // of a lost donor, and operations on it do not end
	EventNoRoom        = "no-room"        // no donor takes a hot slab
	EventCorrupt       = "corrupt"        // a page failed its checksum
	EventBackingFailed = "backing-failed" // an I/O of the backing file
	EventFault         = "fault"          // something of the server's own went wrong
)

// Levels of an [Event].
const (
	LevelInfo  = "info"
	LevelWarn  = "warn"
	LevelError = "error"
)

// Decision is one move that the placement policy ordered, with what it went by.
type Decision struct {
	Seq  uint64    `json:"seq"` // from 1, without gaps
	At   time.Time `json:"at"`
	Slab int       `json:"slab"`
	From string    `json:"from,omitempty"` // name of the donor; empty when the slab was mapped
	To   string    `json:"to,omitempty"`   // empty when no donor took it
	Rule string    `json:"rule"`           // in words that stay: emptier, faster, slow-donor, given-back, new-machine, only-one
	Why  string    `json:"why"`            // for people, with the figures
	Took int64     `json:"took_ns"`        // until it was carried out; 0: it was not

	Figures []DonorFigures `json:"figures"` // of the donors that were compared, the chosen one first
}

// MarshalJSON writes absent figures as [], so that a reader can always loop.
func (d Decision) MarshalJSON() ([]byte, error) {
	type plain Decision
	p := plain(d)
	p.Figures = list(p.Figures)
	return json.Marshal(p)
}

// DonorFigures is what a policy knew of a donor.
type DonorFigures struct {
	Donor    string  `json:"donor"`
	Free     float64 `json:"free"`        // share of its memory, 0 to 1; -1: not asked
	P99      int64   `json:"p99_ns"`      // of its slabs' reads in the last period; 0: none
	Baseline int64   `json:"baseline_ns"` // what its p99 is when all is well; 0: not known yet
	Slow     bool    `json:"slow"`
}
