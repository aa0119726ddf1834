package machine

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/farswap/farswap/internal/awake"
	"github.com/farswap/farswap/internal/inuse"
)

// Sleep is whether this machine can sleep, and what keeps it from that while a device is swap.
type Sleep struct {
	State  State
	Ways   string // those that the kernel has, as /sys/power/state lists them; "": none
	Logind bool   // it runs, and can keep the machine awake
	Swap   bool   // a device of ublk is swap
	Held   bool   // a server holds a lock of logind on sleep
}

// Sleeping is about suspend and hibernation. A server that is frozen brings no page. Its state is Warn
// while a device is swap and the machine could sleep.
func (m *Machine) Sleeping() Sleep {
	const locks = "run/systemd/inhibit" // a file of lines NAME=VALUE for each
	s := Sleep{State: OK, Ways: m.read("sys/power/state")}
	_, err := os.Stat(filepath.Join(m.Root, locks))
	s.Logind = err == nil
	areas, err := inuse.AreasIn(m.Root)
	if err != nil { // nobody may look
		areas = nil
	}
	for _, a := range areas {
		s.Swap = s.Swap || strings.HasPrefix(filepath.Base(a.Path), "ublkb")
	}
	entries, err := os.ReadDir(filepath.Join(m.Root, locks))
	if err != nil {
		entries = nil
	}
	for _, e := range entries {
		lines := strings.Split(m.read(filepath.Join(locks, e.Name())), "\n")
		s.Held = s.Held || isLock(lines)
	}
	if s.Ways != "" && s.Swap && !s.Held {
		s.State = Warn
	}
	return s
}

// isLock says whether a lock is one of farswap that blocks sleep.
func isLock(lines []string) bool {
	has := map[string]string{}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, "=")
		has[name] = strings.Trim(value, `"`)
	}
	return strings.Contains(":"+has["WHAT"]+":", ":sleep:") && has["MODE"] == "block" && has["WHO"] == awake.Who
}
