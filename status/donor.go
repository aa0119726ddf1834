package status

import (
	"encoding/json"
	"time"
)

// DonorDaemon is one donor as it sees itself at one moment.
type DonorDaemon struct {
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

// DonorMemory is what a donor gives, in bytes. Total is the most it will ever
// lend; Mapped and Prepared are taken from the machine, Free is what is left
// of Total.
type DonorMemory struct {
	Total    int64 `json:"total"`
	Mapped   int64 `json:"mapped"`   // lent to devices, leases included
	Prepared int64 `json:"prepared"` // allocated ahead of need
	Free     int64 `json:"free"`     // Total - Mapped
}

// DonorSession is one device that is connected to a donor.
type DonorSession struct {
	Device   string    `json:"device"`   // what the device calls itself
	UUID     string    `json:"uuid"`     // of the device
	Identity string    `json:"identity"` // name in its certificate; empty when insecure
	Address  string    `json:"address"`  // remote address of the control connection
	Slabs    int       `json:"slabs"`
	Since    time.Time `json:"since"`
}

// DonorLease is memory that is kept for a device that was lost.
type DonorLease struct {
	Device  string    `json:"device"`
	UUID    string    `json:"uuid"`
	Slabs   int       `json:"slabs"`
	Expires time.Time `json:"expires"`
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
	if p.Sessions == nil {
		p.Sessions = []DonorSession{}
	}
	if p.Leases == nil {
		p.Leases = []DonorLease{}
	}
	if p.Transports == nil {
		p.Transports = []DonorTransport{}
	}
	return json.Marshal(p)
}
