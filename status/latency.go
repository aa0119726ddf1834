package status

import (
	"time"

	"farswap/internal/loghist"
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

// Histogram is all durations of one source since the server's start. The distribution
// over a time is the difference of two.
type Histogram struct {
	Source  string            `json:"source"`
	Latency loghist.Histogram `json:"latency"`
}

// CgroupLatency is the faults of one control group since the server's start.
type CgroupLatency struct {
	ID      uint64            `json:"id"`
	Name    string            `json:"name"` // path below the cgroup root; the id once the group is gone
	Latency loghist.Histogram `json:"latency"`
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
}

// States of [Probes].
const (
	ProbesOn     = "on"
	ProbesOff    = "off"
	ProbesFailed = "failed"
)

// SlowPage is a request that took long, and where its time went, in nanoseconds. What
// is not in a part the kernel spent, if Fault is known, or the server.
type SlowPage struct {
	At      time.Time `json:"at"` // when it was answered
	Op      string    `json:"op"` // read, write
	Page    int64     `json:"page"`
	Slab    int       `json:"slab"`
	Donor   string    `json:"donor,omitempty"` // name, if it was one's
	Total   int64     `json:"total_ns"`        // from fetch to commit
	Queued  int64     `json:"queued_ns"`       // parked, until its last part was begun
	Remote  int64     `json:"remote_ns"`       // its longest part at a donor
	Backing int64     `json:"backing_ns"`      // its longest part in the backing file
	Blame   string    `json:"blame"`           // server, donor, backing
}

// Event is something that an operator may want to know of: a donor came or was lost, a
// slab moved, a page failed its checksum.
type Event struct {
	Seq   uint64    `json:"seq"` // from 1, without gaps
	At    time.Time `json:"at"`
	Level string    `json:"level"` // info, warn, error
	Kind  string    `json:"kind"`  // donor-up, donor-lost, slab-mapped, slab-moved, slab-dropped, corrupt, backing-failed
	Slab  int       `json:"slab"`  // -1: of no slab
	Donor string    `json:"donor,omitempty"`
	Text  string    `json:"text"`
}

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

// DonorFigures is what a policy knew of a donor.
type DonorFigures struct {
	Donor    string  `json:"donor"`
	Free     float64 `json:"free"`        // share of its memory, 0 to 1; -1: not asked
	P99      int64   `json:"p99_ns"`      // of its slabs' reads in the last period; 0: none
	Baseline int64   `json:"baseline_ns"` // what its p99 is when all is well; 0: not known yet
	Slow     bool    `json:"slow"`
}
