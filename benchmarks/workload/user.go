package workload

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// identity is the user as whom a server runs that refuses root; nil is whoever runs this.
type identity struct {
	uid, gid uint32
}

// serverUser is postgres, or nobody on a machine without such a user.
func serverUser() (*identity, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	found, err := user.Lookup("postgres")
	if err != nil {
		if found, err = user.Lookup("nobody"); err != nil {
			return nil, fmt.Errorf("a user for a server that refuses root: %w", err)
		}
	}
	uid, uidErr := strconv.ParseUint(found.Uid, 10, 32)
	gid, gidErr := strconv.ParseUint(found.Gid, 10, 32)
	if err := errors.Join(uidErr, gidErr); err != nil {
		return nil, fmt.Errorf("user %s: %w", found.Username, err)
	}
	return &identity{uint32(uid), uint32(gid)}, nil
}

// own gives folders to the user.
func (id *identity) own(dirs ...string) error {
	if id == nil {
		return nil
	}
	for _, dir := range dirs {
		if err := os.Chown(dir, int(id.uid), int(id.gid)); err != nil {
			return err
		}
	}
	return nil
}

// become makes cmd run as the user, who may read what root may: its programs and data can
// lie below a folder that is root's alone.
func (id *identity) become(cmd *exec.Cmd) {
	if id == nil {
		return
	}
	a := attr(cmd)
	a.Credential = &syscall.Credential{Uid: id.uid, Gid: id.gid}
	a.AmbientCaps = []uintptr{unix.CAP_DAC_READ_SEARCH}
}
