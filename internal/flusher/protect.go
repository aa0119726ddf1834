package flusher

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/internal/memory"
)

// ErrMemlock means that the process may not lock its memory.
var ErrMemlock = errors.New("memory cannot be locked")

// oomImmune is OOM_SCORE_ADJ_MIN of the kernel: never chosen.
const oomImmune = "-1000"

// Protect locks the memory of the process, present and future, exempts it from the
// OOM killer, and hides its memory from other processes; see [memory.Hide]. Call it after
// [Reexec], and call [Settle] after it: until then a page is locked from its first access
// on, and that access waits for memory or for a disk. The warnings are what the cgroup can
// still do to the process, one sentence each; see [Cgroup].
func Protect() (warnings []string, err error) {
	if err := unix.Mlockall(unix.MCL_CURRENT | unix.MCL_FUTURE | unix.MCL_ONFAULT); err != nil {
		return nil, fmt.Errorf("%w: mlockall: %w: run as root, or give CAP_IPC_LOCK, or raise the limit (ulimit -l, LimitMEMLOCK=infinity)", ErrMemlock, err)
	}
	err = os.WriteFile("/proc/self/oom_score_adj", []byte(oomImmune), 0)
	if errors.Is(err, os.ErrPermission) {
		return nil, fmt.Errorf("set oom_score_adj to %s: %w: %s", oomImmune, ErrCapability, capabilityHint)
	}
	if err != nil {
		return nil, fmt.Errorf("set oom_score_adj to %s: %w", oomImmune, err)
	}
	// Only root may set the score of a hidden process, so this comes after it.
	if err := memory.Hide(); err != nil {
		return nil, err
	}
	return Cgroup("/"), nil
}
