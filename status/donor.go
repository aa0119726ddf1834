package status

import (
	"encoding/json"
	"time"
)

// DonorDaemon is the status of a donor at one moment, from the donor itself.
type DonorDaemon struct {
	Schema int `json:"schema"` // see Schema; MarshalJSON sets it

	Name        string         `json:"name"`
	Address     string         `json:"address"`      // bound address of control
	DataAddress string         `json:"data_address"` // bound address of one-sided operations, over TCP if the donor serves TCP
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
	Identities   []DonorIdentity `json:"identities"`              // that hold memory or have an allowance, by name; never null in JSON
	Evictions    uint64          `json:"evictions"`               // slabs taken back since the start
	EvictedBytes uint64          `json:"evicted_bytes"`           // bytes in Evictions
	LastEviction *DonorEviction  `json:"last_eviction,omitempty"` // absent before the first

	Certificate *Certificate `json:"certificate,omitempty"` // absent without TLS

	Upgrade *DonorUpgrade `json:"upgrade,omitempty"` // the last one; absent before the first

	LogDropped uint64 `json:"log_dropped"` // lines of the donor's log that were dropped because nobody read them in time
}

// States of a donor.
const (
	DonorServing  = "serving"
	DonorShort    = "short"    // less than the headroom is available: the donor lends nothing and takes slabs back
	DonorDraining = "draining" // the donor gives everything back and then ends
)

// DonorIdentity is the memory that all devices with one certificate name hold together. Name is empty for
// devices without a certificate.
type DonorIdentity struct {
	Name    string `json:"name"`
	Mapped  int64  `json:"mapped"`            // bytes, leases and maps under way included
	Most    int64  `json:"most,omitempty"`    // bytes that it may hold; 0 for no bound
	Reserve int64  `json:"reserve,omitempty"` // bytes that no other identity may take
}

// DonorEviction describes slabs of one device that a donor took back together.
type DonorEviction struct {
	At       time.Time `json:"at"` // when the donor freed the last of them
	Device   string    `json:"device"`
	UUID     string    `json:"uuid"`
	Identity string    `json:"identity"`
	Slabs    int       `json:"slabs"`
	Bytes    int64     `json:"bytes"`
	Why      string    `json:"why"` // headroom, resize, drain
	Urgent   bool      `json:"urgent,omitempty"`
	Leased   bool      `json:"leased,omitempty"` // no session used them: the donor freed them without a question
	Forced   bool      `json:"forced,omitempty"` // the device did not return all in time, and the donor ended its session

	// Durations of the parts, one after the other. For leased slabs all but the last are 0.
	Choosing  int64 `json:"choosing_ns"`  // until the donor had chosen the slabs, activity checks included
	Checking  int64 `json:"checking_ns"`  // part of Choosing: the activity checks, all devices at the same time
	Asking    int64 `json:"asking_ns"`    // part of Returning: until the device answered that it had begun
	Returning int64 `json:"returning_ns"` // from the question until the device had returned the last slab
	Freeing   int64 `json:"freeing_ns"`   // until the kernel had the memory of the last slab
}

// DonorUpgrade is what became of a request to hand a donor over to a new process. The new process tells of
// one that succeeded, and the old one of one that failed.
type DonorUpgrade struct {
	At     time.Time `json:"at"`              // when it was over
	From   int       `json:"from,omitempty"`  // the process before; absent if it failed
	Paused int64     `json:"paused_ns"`       // how long nobody served
	Error  string    `json:"error,omitempty"` // why it failed; the donor went on as it was
}

// DonorResize is a request to change a running donor. A zero field changes nothing.
type DonorResize struct {
	Memory        int64   `json:"memory,omitempty"`         // bytes to lend at most
	HeadRoom      int64   `json:"headroom,omitempty"`       // bytes to keep available; negative for none
	HeadRoomShare float64 `json:"headroom_share,omitempty"` // the same as a share of the machine's memory, 0 to 1
}

// DonorTransport is one transport to the memory of a donor. IO counts from the start of this transport.
// DonorDaemon.IO also counts transports that have ended.
type DonorTransport struct {
	Name        string  `json:"name"`    // rdma, tcp
	Address     string  `json:"address"` // bound
	Connections int64   `json:"connections"`
	Slabs       int64   `json:"slabs"` // lent over this transport now
	IO          DonorIO `json:"io"`
}

// DonorMemory is the memory of a donor, in bytes. The donor lends Total at most. It has taken Mapped and
// Prepared from the machine. Free is the rest of Total, and Room the part of Free that it can lend now.
type DonorMemory struct {
	Total    int64 `json:"total"`
	Mapped   int64 `json:"mapped"`   // lent to devices, leases included
	Prepared int64 `json:"prepared"` // allocated ahead of need
	Free     int64 `json:"free"`     // Total - Mapped; 0 if the donor lends more than Total after a resize

	Returning int64   `json:"returning"` // part of Mapped: the donor has asked it back and does not have it yet
	Room      int64   `json:"room"`      // that the donor could lend now without touching the headroom
	HeadRoom  int64   `json:"headroom"`  // that stays available to the machine's own programs
	Available int64   `json:"available"` // on the machine, smoothed
	Machine   int64   `json:"machine"`   // all memory of the machine, or of its control group
	Stall     float64 `json:"stall"`     // share of the last second in which some task waited for memory, 0 to 1
}

// DonorSession is a device with a session at a donor.
type DonorSession struct {
	Device   string    `json:"device"`   // name that the device gives itself
	UUID     string    `json:"uuid"`     // of the device
	Identity string    `json:"identity"` // name in its certificate; empty when insecure
	Address  string    `json:"address"`  // remote address of the control connection
	Slabs    int       `json:"slabs"`
	Since    time.Time `json:"since"`
	Bytes    int64     `json:"bytes"` // in Slabs
}

// DonorLease is memory that a donor keeps for a lost device.
type DonorLease struct {
	Device  string    `json:"device"`
	UUID    string    `json:"uuid"`
	Slabs   int       `json:"slabs"`
	Expires time.Time `json:"expires"`
	Bytes   int64     `json:"bytes"` // in Slabs
}

// DonorIO counts the one-sided operations that a donor has served since its start.
type DonorIO struct {
	Reads        uint64 `json:"reads"`
	Writes       uint64 `json:"writes"`
	BytesRead    uint64 `json:"bytes_read"`
	BytesWritten uint64 `json:"bytes_written"`
	Refused      uint64 `json:"refused"` // operations with a bad key or bad bounds; each ended its connection
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
