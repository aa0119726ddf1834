package status

import (
	"encoding/json"
	"time"
)

// DonorDaemon is one donor as it sees itself at one moment.
type DonorDaemon struct {
	Schema int `json:"schema"` // see Schema; set in what was fetched, MarshalJSON fills it in

	Name        string         `json:"name"`
	Address     string         `json:"address"`      // control port, bound
	DataAddress string         `json:"data_address"` // one-sided operations, over TCP if there is TCP, bound
	Memory      DonorMemory    `json:"memory"`
	Sessions    []DonorSession `json:"sessions"` // never null in JSON
	Leases      []DonorLease   `json:"leases"`   // never null in JSON
	IO          DonorIO        `json:"io"`

	PID       int       `json:"pid"`
	Started   time.Time `json:"started"`
	Transport string    `json:"transport"`          // names of Transports, joined by +
	Insecure  bool      `json:"insecure,omitempty"` // control sessions run without TLS

	Transports []DonorTransport `json:"transports"` // served now, fastest first; never null in JSON

	State        string          `json:"state"`                   // serving, short, draining
	Identities   []DonorIdentity `json:"identities"`              // that hold memory, or are allowed to, by name; never null in JSON
	Evictions    uint64          `json:"evictions"`               // slabs taken back since the start
	EvictedBytes uint64          `json:"evicted_bytes"`           // in those
	LastEviction *DonorEviction  `json:"last_eviction,omitempty"` // absent before the first
}

// States of a donor.
const (
	DonorServing  = "serving"
	DonorShort    = "short"    // its machine has less available than the headroom: nothing is lent, slabs go back
	DonorDraining = "draining" // everything goes back, then the donor ends
)

// DonorIdentity is what the devices of one certificate hold together. Name is empty
// for devices without one.
type DonorIdentity struct {
	Name    string `json:"name"`
	Mapped  int64  `json:"mapped"`            // bytes, leases and maps under way included
	Most    int64  `json:"most,omitempty"`    // bytes that it may have; 0 for no bound
	Reserve int64  `json:"reserve,omitempty"` // bytes that nobody else may take
}

// DonorEviction is the slabs of one device that a donor took back at once.
type DonorEviction struct {
	At       time.Time `json:"at"` // when the last of them was freed
	Device   string    `json:"device"`
	UUID     string    `json:"uuid"`
	Identity string    `json:"identity"`
	Slabs    int       `json:"slabs"`
	Bytes    int64     `json:"bytes"`
	Why      string    `json:"why"` // headroom, resize, drain
	Urgent   bool      `json:"urgent,omitempty"`
	Leased   bool      `json:"leased,omitempty"` // no session held them: the donor freed them without asking
	Forced   bool      `json:"forced,omitempty"` // the device did not return all in time, and its session was ended

	// The parts, one after the other. Of leased slabs only the last is not 0.
	Choosing  int64 `json:"choosing_ns"`  // until the slabs were chosen, activity checks included
	Checking  int64 `json:"checking_ns"`  // the activity checks, of all devices at once; within Choosing
	Asking    int64 `json:"asking_ns"`    // until the device answered that it has begun; within Returning
	Returning int64 `json:"returning_ns"` // from the question until the last slab was returned
	Freeing   int64 `json:"freeing_ns"`   // until the kernel had the last one's memory
}

// DonorResize is what a running donor is to change. Zero fields stay as they are.
type DonorResize struct {
	Memory        int64   `json:"memory,omitempty"`         // bytes lent at most
	HeadRoom      int64   `json:"headroom,omitempty"`       // bytes kept available; negative for none
	HeadRoomShare float64 `json:"headroom_share,omitempty"` // or as a share of the machine's memory, 0 to 1
}

// DonorTransport is one way to a donor's memory. IO counts from when it was first
// served; DonorDaemon.IO has also what a transport did that has ended.
type DonorTransport struct {
	Name        string  `json:"name"`    // rdma, tcp
	Address     string  `json:"address"` // bound
	Connections int64   `json:"connections"`
	Slabs       int64   `json:"slabs"` // lent over it now
	IO          DonorIO `json:"io"`
}

// DonorMemory is what a donor gives, in bytes. Total is the most that it lends;
// Mapped and Prepared are taken from the machine, Free is what is left of Total,
// and Room what of that can be lent now.
type DonorMemory struct {
	Total    int64 `json:"total"`
	Mapped   int64 `json:"mapped"`   // lent to devices, leases included
	Prepared int64 `json:"prepared"` // allocated ahead of need
	Free     int64 `json:"free"`     // Total - Mapped, 0 if more is lent than Total after it shrank

	Returning int64   `json:"returning"` // of Mapped: asked back from devices, and not back yet
	Room      int64   `json:"room"`      // could be lent now without touching the headroom
	HeadRoom  int64   `json:"headroom"`  // kept available for the machine's own programs
	Available int64   `json:"available"` // on the machine, smoothed
	Machine   int64   `json:"machine"`   // the machine's memory in all, or its control group's
	Stall     float64 `json:"stall"`     // share of the last second in which some task waited for memory, 0 to 1
}

// DonorSession is one device that is connected to a donor.
type DonorSession struct {
	Device   string    `json:"device"`   // what the device calls itself
	UUID     string    `json:"uuid"`     // of the device
	Identity string    `json:"identity"` // name in its certificate; empty when insecure
	Address  string    `json:"address"`  // remote address of the control connection
	Slabs    int       `json:"slabs"`
	Since    time.Time `json:"since"`
	Bytes    int64     `json:"bytes"` // in Slabs
}

// DonorLease is memory that is kept for a device that was lost.
type DonorLease struct {
	Device  string    `json:"device"`
	UUID    string    `json:"uuid"`
	Slabs   int       `json:"slabs"`
	Expires time.Time `json:"expires"`
	Bytes   int64     `json:"bytes"` // in Slabs
}

// DonorIO counts one-sided operations served by a donor since its start.
type DonorIO struct {
	Reads        uint64 `json:"reads"`
	Writes       uint64 `json:"writes"`
	BytesRead    uint64 `json:"bytes_read"`
	BytesWritten uint64 `json:"bytes_written"`
	Refused      uint64 `json:"refused"` // operations with a bad key or bounds, each ended its connection
}

// MarshalJSON writes absent lists as [], so that a reader can always loop.
func (d DonorDaemon) MarshalJSON() ([]byte, error) {
	type plain DonorDaemon
	p := plain(d)
	p.Schema = Schema
	p.Sessions, p.Leases = list(p.Sessions), list(p.Leases)
	p.Transports, p.Identities = list(p.Transports), list(p.Identities)
	return json.Marshal(p)
}
