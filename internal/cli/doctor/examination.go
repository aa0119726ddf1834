package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/farswap/farswap/internal/machine"
	"github.com/farswap/farswap/verbs/rdma"
)

// errUnfit means that this machine cannot serve a device, not even over TCP.
var errUnfit = errors.New("no device can be served here")

// examination is all that doctor found.
type examination struct {
	Kernel string `json:"kernel"`
	// Device says whether a device can be served, if need be by another user.
	Device     bool              `json:"device"`
	Transports []string          `json:"transports"` // of a device and of a donor, the preferred one first
	Checks     []check           `json:"checks"`
	RDMA       []rdma.DeviceInfo `json:"rdma_devices"`
	For        *way              `json:"for,omitempty"`
}

// examine runs all checks. Those of the program that serves, and of what it serves, come from
// outside.
func examine(m *machine.Machine, server check, served ...check) (examination, error) {
	devices, err := m.RDMADevices()
	if err != nil {
		return examination{}, err
	}
	e := examination{Kernel: m.Release, Device: true, RDMA: devices, Transports: []string{}}
	if devices == nil {
		e.RDMA = []rdma.DeviceInfo{}
	}
	e.Checks = slices.Concat([]check{server}, deviceChecks(m), memoryChecks(m), []check{checkProbes(m)}, rdmaChecks(m, devices), served)
	if e.first(areaRDMA, machine.Missing, machine.Warn) == nil {
		e.Transports = append(e.Transports, transportRDMA)
	}
	e.Transports = append(e.Transports, transportTCP)
	e.Device = e.obstacle() == nil
	return e, nil
}

// first finds the first check of an area that has the first of the states, else the next
// state, and so on. It passes over optional checks.
func (e examination) first(area string, states ...machine.State) *check {
	for _, state := range states {
		i := slices.IndexFunc(e.Checks, func(c check) bool { return c.Area == area && c.State == state && !c.optional })
		if i >= 0 {
			return &e.Checks[i]
		}
	}
	return nil
}

// obstacle is a check that keeps this machine from serving a device, nil if there is none.
func (e examination) obstacle() *check {
	if c := e.first(areaProgram, machine.Missing); c != nil {
		return c
	}
	return e.first(areaDevice, machine.Missing)
}

func (e examination) unfit() error {
	if c := e.obstacle(); c != nil {
		return fmt.Errorf("%w: %s: %s", errUnfit, c.Name, c.text(": "))
	}
	return nil
}

// summary says in a sentence or two what works.
func (e examination) summary() string {
	if c := e.first(areaProgram, machine.Missing); c != nil {
		return "Neither a device nor a donor can be served here: " + c.Found + "."
	}
	if !e.Device {
		return "No device can be served here. A donor can: it needs memory that it may lock, and over TCP nothing else."
	}
	s := "A device can be served here, over " + strings.Join(e.Transports, " and ")
	if c := e.first(areaDevice, machine.Warn); c != nil {
		s += ", by root"
	}
	if slices.Contains(e.Transports, transportRDMA) {
		return s + "."
	}
	c := e.first(areaRDMA, machine.Missing, machine.Warn)
	return s + ". Not over rdma: " + c.Name + ": " + c.Found + "."
}

// wayTo finds the way to a donor without contacting it, and what would be used there.
func (e examination) wayTo(ctx context.Context, m *machine.Machine, donor string, config rdma.Config) (*way, error) {
	w, err := findWay(ctx, m, donor, e.RDMA, config)
	if err != nil {
		return nil, err
	}
	w.decide(e.first(areaRDMA, machine.Missing, machine.Warn))
	return w, nil
}
