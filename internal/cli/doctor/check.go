package doctor

import "github.com/farswap/farswap/internal/machine"

// What a check is about.
const (
	areaProgram = "program" // that serves devices and donors
	areaDevice  = "device"  // serving a device, over any transport
	areaMemory  = "memory"
	areaProbes  = "probes" // measuring latency in the kernel
	areaRDMA    = "rdma"
	areaServed  = "served" // devices and donors that run here
)

// check is one line of doctor.
type check struct {
	Area   string        `json:"area"`
	Name   string        `json:"name"`
	State  machine.State `json:"state"`
	Found  string        `json:"found"`
	Advice string        `json:"advice,omitempty"` // what to do about it

	optional bool // its failure stops nothing
}

// text is what was found and, after arrow, what to do about it.
func (c check) text(arrow string) string {
	if c.Advice == "" {
		return c.Found
	}
	return c.Found + arrow + c.Advice
}

// asRoot advises to be root or, if that does not help, something else.
func asRoot(m *machine.Machine, otherwise string) string {
	if m.UID == 0 {
		return otherwise
	}
	return "run as root, or " + otherwise
}
