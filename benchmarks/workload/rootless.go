package workload

import (
	"os"
	"os/exec"
	"syscall"
)

// guest is the number of root in the namespace of a server that refuses root.
const guest = 1000

// rootless makes cmd run in a user namespace in which root has another number, if this process
// is root. PostgreSQL refuses to run as root, and another user could not reach programs and
// data below a folder that only root may enter. cmd then has none of root's capabilities.
func rootless(cmd *exec.Cmd) {
	if os.Geteuid() != 0 {
		return
	}
	a := attr(cmd)
	a.Cloneflags |= syscall.CLONE_NEWUSER
	a.UidMappings = []syscall.SysProcIDMap{{ContainerID: guest, HostID: 0, Size: 1}}
	a.GidMappings = []syscall.SysProcIDMap{{ContainerID: guest, HostID: os.Getegid(), Size: 1}}
}
