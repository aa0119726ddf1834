package workload

import (
	"os"
	"os/exec"
	"syscall"
)

// guest is the number that root has in the namespace of a server that refuses root.
const guest = 1000

// rootless makes cmd run in a user namespace in which root has another number, if this is
// root: PostgreSQL refuses to run as root, and any other user could not get at programs
// and data below a folder that is root's alone. It has none of root's capabilities.
func rootless(cmd *exec.Cmd) {
	if os.Geteuid() != 0 {
		return
	}
	a := attr(cmd)
	a.Cloneflags |= syscall.CLONE_NEWUSER
	a.UidMappings = []syscall.SysProcIDMap{{ContainerID: guest, HostID: 0, Size: 1}}
	a.GidMappings = []syscall.SysProcIDMap{{ContainerID: guest, HostID: os.Getegid(), Size: 1}}
}
