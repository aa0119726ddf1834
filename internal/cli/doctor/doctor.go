package doctor

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/farswap/farswap/internal/cli/command"
	"github.com/farswap/farswap/internal/cli/flags"
	"github.com/farswap/farswap/internal/cli/usage"
	"github.com/farswap/farswap/verbs/rdma"
)

// errUnfit means that this machine cannot serve a device, not even over TCP.
var errUnfit = errors.New("no device can be served here")

// verdict is the outcome of one check.
type verdict string

const (
	checkOK      verdict = "ok"
	checkWarn    verdict = "warn"    // works, but not for this user, or not well
	checkMissing verdict = "missing" // does not work
)

// Transports of pages.
const (
	transportRDMA = "rdma"
	transportTCP  = "tcp"
)

// What a check is about.
const (
	areaDevice = "device" // serving a device, over any transport
	areaMemory = "memory"
	areaProbes = "probes" // measuring latency in the kernel
	areaRDMA   = "rdma"
)

// check is one line of doctor.
type check struct {
	Area   string  `json:"area"`
	Name   string  `json:"name"`
	State  verdict `json:"state"`
	Found  string  `json:"found"`
	Advice string  `json:"advice,omitempty"` // what to do about it

	optional bool // its failure stops nothing
}

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

// Command returns `farswap doctor`.
func Command(a *command.App) *cobra.Command {
	var target string
	var asJSON bool
	options := &flags.RDMA{}
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Say what this machine can do, what would be used, and why",
		Long: `doctor looks at what a device, a donor and RDMA need of this machine, and says
what is missing and what to do. It changes nothing and contacts nobody; --for only
resolves the donor's name. It runs as any user, and sees most as root.

It fails when no device could be served here, be it over TCP alone.`,
		Example: "  farswap doctor --for mem1:9400",
		Args:    a.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, err := options.Config()
			if err != nil {
				return err
			}
			for _, name := range flags.RDMANames {
				if target == "" && cmd.Flags().Changed(name) {
					return usage.Errorf("--%s means nothing without --for", name)
				}
			}
			m := thisMachine()
			e, err := m.examine()
			if err != nil {
				return err
			}
			if target != "" {
				if e.For, err = m.wayTo(cmd.Context(), target, e, *config); err != nil {
					return err
				}
			}
			if asJSON {
				err = command.PrintJSON(cmd.OutOrStdout(), e)
			} else {
				err = writeExamination(cmd.OutOrStdout(), e)
			}
			return errors.Join(err, e.unfit())
		},
	}
	f := cmd.Flags()
	f.StringVar(&target, "for", "", "HOST[:PORT] of a donor: show the way to it")
	options.Register(f)
	command.JSONFlag(cmd, &asJSON)
	return cmd
}

// examine runs all checks.
func (m *machine) examine() (examination, error) {
	devices, err := rdma.Survey(m.root)
	if err != nil {
		return examination{}, err
	}
	e := examination{Kernel: m.kernel, Device: true, RDMA: devices, Transports: []string{}}
	if devices == nil {
		e.RDMA = []rdma.DeviceInfo{}
	}
	e.Checks = slices.Concat(m.deviceChecks(), m.memoryChecks(), []check{m.checkProbes()}, m.rdmaChecks(devices))
	if e.first(areaRDMA, checkMissing, checkWarn) == nil {
		e.Transports = append(e.Transports, transportRDMA)
	}
	e.Transports = append(e.Transports, transportTCP)
	e.Device = e.first(areaDevice, checkMissing) == nil
	return e, nil
}

// first is the first check of an area that has the first of the outcomes, else
// the next one, and that something depends on.
func (e examination) first(area string, states ...verdict) *check {
	for _, state := range states {
		i := slices.IndexFunc(e.Checks, func(c check) bool { return c.Area == area && c.State == state && !c.optional })
		if i >= 0 {
			return &e.Checks[i]
		}
	}
	return nil
}

func (e examination) unfit() error {
	if c := e.first(areaDevice, checkMissing); c != nil {
		return fmt.Errorf("%w: %s: %s", errUnfit, c.Name, c.text(": "))
	}
	return nil
}

// text is what was found and, after arrow, what to do about it.
func (c check) text(arrow string) string {
	if c.Advice == "" {
		return c.Found
	}
	return c.Found + arrow + c.Advice
}

// summary says in a sentence or two what works.
func (e examination) summary() string {
	if !e.Device {
		return "No device can be served here. A donor can: it needs memory that it may lock, and over TCP nothing else."
	}
	s := "A device can be served here, over " + strings.Join(e.Transports, " and ")
	if c := e.first(areaDevice, checkWarn); c != nil {
		s += ", by root"
	}
	if slices.Contains(e.Transports, transportRDMA) {
		return s + "."
	}
	c := e.first(areaRDMA, checkMissing, checkWarn)
	return s + ". Not over rdma: " + c.Name + ": " + c.Found + "."
}
