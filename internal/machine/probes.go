package machine

import (
	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/bpf"
)

// Probes are those that measure latency in the kernel. A device does without them if need be.
type Probes struct {
	State   State
	Err     error // none can run
	Hooks   []string
	Missing []bpf.Missing
	Allowed bool // this process has the rights
}

// Probes looks for hooks and rights.
func (m *Machine) Probes() Probes {
	hooks, missing, err := m.SurveyProbes()
	if err != nil {
		return Probes{State: Warn, Err: err}
	}
	p := Probes{
		State: OK, Hooks: hooks, Missing: missing,
		Allowed: m.capable(unix.CAP_SYS_ADMIN) || m.capable(unix.CAP_BPF) && m.capable(unix.CAP_PERFMON),
	}
	if len(missing) > 0 || !p.Allowed {
		p.State = Warn
	}
	return p
}
