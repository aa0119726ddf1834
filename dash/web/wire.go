package web

import (
	"encoding/json"

	"github.com/farswap/farswap/status"
)

// The server sends these to pages and to other dashboards, as JSON in server-sent events.
// Times are milliseconds since 1970, durations of requests are nanoseconds.

// overview is one event of /api/cluster: everything that changed since the one before.
type overview struct {
	At       int64               `json:"at"`
	Interval int64               `json:"interval_ms"`
	Origins  []origin            `json:"origins"`
	Things   map[string]*summary `json:"things"` // by key; null: it is no longer there
}

// origin is a machine whose devices and donors are shown: this one, or that of a peer.
type origin struct {
	ID    string `json:"id"`    // "local", or the peer's address
	Name  string `json:"name"`  // of the machine; its address until the name is known
	State string `json:"state"` // up, down, connecting
	Error string `json:"error,omitempty"`
	Since int64  `json:"since"` // of this state
}

// States of an origin.
const (
	originUp         = "up"
	originDown       = "down"
	originConnecting = "connecting"
)

const localOrigin = "local"

// summary is a device or a donor as the cluster's view shows it.
type summary struct {
	Kind     string `json:"kind"` // device, donor
	Name     string `json:"name"`
	Origin   string `json:"origin"`
	State    string `json:"state"` // of its server, as in package feed
	Error    string `json:"error,omitempty"`
	Since    int64  `json:"since"`
	Answered int64  `json:"answered"`

	Device *deviceSummary `json:"device,omitempty"`
	Donor  *donorSummary  `json:"donor,omitempty"`
}

const (
	kindDevice = "device"
	kindDonor  = "donor"
)

type deviceSummary struct {
	State    string       `json:"state"`
	Swap     bool         `json:"swap"`
	Size     int64        `json:"size"`
	Pages    status.Pages `json:"pages"`
	Degraded bool         `json:"degraded"`
	Reason   string       `json:"reason,omitempty"`
	DonorsUp int          `json:"donors_up"`
	Donors   int          `json:"donors"`
	In       float64      `json:"in"`  // pages read per second, from donors and the backing file
	Out      float64      `json:"out"` // pages written per second, likewise
	Source   string       `json:"source,omitempty"`
	P50      int64        `json:"p50"` // of Source, over the last interval
	P99      int64        `json:"p99"`
	Errors   uint64       `json:"errors"`
	Corrupt  uint64       `json:"corrupt"`
}

type donorSummary struct {
	State     string  `json:"state"`
	Address   string  `json:"address"`
	Total     int64   `json:"total"`
	Mapped    int64   `json:"mapped"`
	Prepared  int64   `json:"prepared"`
	Free      int64   `json:"free"`
	Room      int64   `json:"room"`
	Available int64   `json:"available"`
	HeadRoom  int64   `json:"headroom"`
	Sessions  int     `json:"sessions"`
	Evictions uint64  `json:"evictions"`
	In        float64 `json:"in"`  // bytes read by devices per second
	Out       float64 `json:"out"` // bytes written by devices per second
}

// detail is one event of /api/watch: the changes of one device or donor. An absent section
// has not changed; a full event replaces all.
type detail struct {
	Full     bool   `json:"full,omitempty"`
	Key      string `json:"key"`
	State    string `json:"state"`
	Error    string `json:"error,omitempty"`
	Since    int64  `json:"since"`
	Answered int64  `json:"answered"`

	Device    json.RawMessage   `json:"device,omitempty"` // status.Device without its lists
	Donors    json.RawMessage   `json:"donors,omitempty"` // its list of them
	Slowest   json.RawMessage   `json:"slowest,omitempty"`
	Cgroups   json.RawMessage   `json:"cgroups,omitempty"`
	Slabs     *slabChange       `json:"slabs,omitempty"`
	Events    []status.Event    `json:"events,omitempty"`
	Decisions []status.Decision `json:"decisions,omitempty"`
	Missed    uint64            `json:"missed,omitempty"` // events and decisions that were lost before they were seen

	Points []point             `json:"points,omitempty"` // one for each interval
	Fine   map[string][]column `json:"fine,omitempty"`   // by source, one for each interval
	Coarse map[string][]column `json:"coarse,omitempty"` // by source, one for each coarsePer intervals

	CoarsePoints []point `json:"coarse_points,omitempty"` // one for each coarsePer intervals

	Donor json.RawMessage `json:"donor,omitempty"` // status.DonorDaemon
}

// cgroup is a control group's faults.
type cgroup struct {
	ID    uint64           `json:"id"`
	Name  string           `json:"name"`
	Count uint64           `json:"count"`
	Sum   uint64           `json:"sum_ns"`
	Rate  float64          `json:"rate"` // faults per second since the last event; -1: not known yet
	Total status.Quantiles `json:"latency_ns"`
}
