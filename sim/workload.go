package sim

import (
	_ "embed"
	"errors"
	"fmt"
	"math"

	"github.com/BurntSushi/toml"
)

// ErrConfig means that a workload file or a Config breaks a rule.
var ErrConfig = errors.New("unusable simulation")

const gib = 1 << 30

// Bounds of a workload: what the largest simulation needs, and a machine can hold.
const (
	maxMachines   = 65535 // slabmap numbers donors with 16 bits
	maxContainers = 1 << 20
	maxGiB        = 1 << 14
	maxHours      = 24 * 31
	maxSeconds    = maxHours * 3600
)

//go:embed workload.toml
var paperWorkload string

// PaperWorkload is the file that stands for the paper's cluster, a TOML text with
// comments.
func PaperWorkload() string { return paperWorkload }

// Workload is a cluster and what runs on it. Names, units and meanings of the
// fields are those of the file: see PaperWorkload.
type Workload struct {
	Cluster  Cluster   `toml:"cluster"`
	Model    Model     `toml:"model"`
	Limits   []Limit   `toml:"limit"`
	Programs []Program `toml:"workload"`
}

// Cluster is the machines and how long they are watched.
type Cluster struct {
	Machines    int     `toml:"machines"`
	Memory      float64 `toml:"memory_gib"`
	Base        float64 `toml:"base_gib"`
	HeadRoom    float64 `toml:"headroom_gib"`
	Ahead       int     `toml:"ahead_slabs"`
	Containers  int     `toml:"containers"`
	Hours       float64 `toml:"hours"`
	StartWithin float64 `toml:"start_within_s"`
	Warmup      float64 `toml:"warmup_s"`
}

// Model is how long things take.
type Model struct {
	MapMillis     float64 `toml:"map_ms"`
	PrepareMillis float64 `toml:"prepare_ms_per_gib"`
	MoveGiB       float64 `toml:"move_gib_per_s"`
}

// Limit is a share of the containers and what they have of their peak.
type Limit struct {
	Of    float64 `toml:"of"`
	Local float64 `toml:"local"`
}

// Program is what a container runs.
type Program struct {
	Name   string  `toml:"name"`
	Weight float64 `toml:"weight"`
	Peak   float64 `toml:"peak_gib"`
	Ramp   float64 `toml:"ramp_s"`
	Swing  float64 `toml:"swing"`
	Period float64 `toml:"swing_s"`
	Pages  float64 `toml:"pages_per_s"`
	Theta  float64 `toml:"theta"`
	Dirty  float64 `toml:"dirty"`
	Keep   float64 `toml:"keep"`
	Swap   float64 `toml:"swap"`
	Spread float64 `toml:"spread"`
}

// ParseWorkload reads a workload file. Unknown keys and values out of range are
// errors that wrap ErrConfig and name the key; the result is valid.
func ParseWorkload(text string) (Workload, error) {
	var w Workload
	meta, err := toml.Decode(text, &w)
	var parse toml.ParseError
	switch {
	case errors.As(err, &parse):
		return Workload{}, fmt.Errorf("line %d: %w: %s", parse.Position.Line, ErrConfig, parse.Message)
	case err != nil:
		return Workload{}, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return Workload{}, fmt.Errorf("unknown key %q: %w", unknown[0].String(), ErrConfig)
	}
	return w, w.Validate()
}

// bound is one rule: a value and its range, both ends included.
type bound struct {
	key             string
	value, min, max float64
}

func check(where string, bounds []bound) error {
	for _, b := range bounds {
		if !(b.value >= b.min && b.value <= b.max) {
			return fmt.Errorf("%s%s = %g: %w: want %g to %g", where, b.key, b.value, ErrConfig, b.min, b.max)
		}
	}
	return nil
}

// Validate returns an error wrapping ErrConfig, which names the key, if w breaks a
// rule.
func (w Workload) Validate() error {
	c, m := w.Cluster, w.Model
	if err := check("", []bound{
		{"machines", float64(c.Machines), 2, maxMachines},
		{"memory_gib", c.Memory, 0.25, maxGiB},
		{"base_gib", c.Base, 0, c.Memory},
		{"headroom_gib", c.HeadRoom, 0, c.Memory},
		{"ahead_slabs", float64(c.Ahead), 0, 1 << 10},
		{"containers", float64(c.Containers), 1, maxContainers},
		{"hours", c.Hours, 1.0 / 3600, maxHours},
		{"start_within_s", c.StartWithin, 0, maxSeconds},
		{"warmup_s", c.Warmup, 0, math.Nextafter(c.Hours*3600, 0)},
		{"map_ms", m.MapMillis, 0, 1e6},
		{"prepare_ms_per_gib", m.PrepareMillis, 0, 1e6},
		{"move_gib_per_s", m.MoveGiB, 1e-3, 1e6},
	}); err != nil {
		return err
	}
	if len(w.Limits) == 0 || len(w.Programs) == 0 {
		return fmt.Errorf("%w: want at least one [[limit]] and one [[workload]]", ErrConfig)
	}
	var limits, weights float64
	for _, l := range w.Limits {
		if err := check("limit: ", []bound{{"of", l.Of, 0, 1e6}, {"local", l.Local, 0.01, 1}}); err != nil {
			return err
		}
		limits += l.Of
	}
	for _, p := range w.Programs {
		if err := p.validate(c.Memory); err != nil {
			return err
		}
		weights += p.Weight
	}
	if limits <= 0 || weights <= 0 {
		return fmt.Errorf("%w: some limit's of and some workload's weight have to be above 0", ErrConfig)
	}
	return nil
}

func (p Program) validate(memory float64) error {
	return check(fmt.Sprintf("workload %q: ", p.Name), []bound{
		{"weight", p.Weight, 0, 1e6},
		{"peak_gib", p.Peak, 0.02, memory},
		{"ramp_s", p.Ramp, 1, maxSeconds},
		{"swing", p.Swing, 0, 1},
		{"swing_s", p.Period, 1, maxSeconds},
		{"pages_per_s", p.Pages, 0, 1e8},
		{"theta", p.Theta, 0, 0.999},
		{"dirty", p.Dirty, 0, 1},
		{"keep", p.Keep, 0, 1},
		{"swap", p.Swap, 1, 16},
		{"spread", p.Spread, 0, 3},
	})
}
