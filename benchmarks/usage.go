package benchmarks

import (
	"os"
	"slices"
)

// workloadName is the name of the run's own process among the watched processes.
const workloadName = "workload"

// usage is what the machine and the watched processes used, since the start or between
// two moments.
type usage struct {
	machine   MachineUsage
	processes []ProcessUsage
}

// readUsage reads the totals of the machine, of this process and of those
// watched, in this order.
func readUsage(watched []Process) (usage, error) {
	var u usage
	var err error
	for _, p := range append([]Process{{Name: workloadName, PID: os.Getpid()}}, watched...) {
		used, err := readProcess("/proc", p)
		if err != nil {
			return u, err
		}
		u.processes = append(u.processes, used)
	}
	u.machine, err = readMachine("/proc")
	return u, err
}

// since returns what was used after before was read.
func (u usage) since(before usage) usage {
	processes := slices.Clone(u.processes)
	for i := range processes {
		processes[i].CPUSeconds -= before.processes[i].CPUSeconds
		processes[i].Switches -= before.processes[i].Switches
	}
	m, b := u.machine, before.machine
	return usage{
		processes: processes,
		machine: MachineUsage{
			UserSeconds: m.UserSeconds - b.UserSeconds, SystemSeconds: m.SystemSeconds - b.SystemSeconds,
			InterruptSeconds: m.InterruptSeconds - b.InterruptSeconds, IdleSeconds: m.IdleSeconds - b.IdleSeconds,
			Switches: m.Switches - b.Switches,
		},
	}
}

// process returns what one process used. The result has no name if it was not watched.
func (p PagingPhase) process(name string) ProcessUsage {
	for _, u := range p.Processes {
		if u.Name == name {
			return u
		}
	}
	return ProcessUsage{}
}

// rest returns the CPU time of all that was not watched: kernel threads and other
// processes.
func (p PagingPhase) rest() float64 {
	m := p.Machine
	seconds := m.UserSeconds + m.SystemSeconds + m.InterruptSeconds
	for _, u := range p.Processes {
		seconds -= u.CPUSeconds
	}
	return max(0, seconds)
}
