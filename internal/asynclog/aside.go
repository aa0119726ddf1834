package asynclog

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Aside makes a descriptor one on which no write waits, and returns a file that writes to the
// same reader and may wait. It is for standard error: Go's runtime writes the message of a
// crash there, and a process that waits for a reader then does not end.
//
// A write to the descriptor writes what the reader has room for, and drops the rest. Whoever
// shares the file may go on waiting, because the descriptor is opened anew. A socket cannot
// be: there the others do not wait from now on, either. A file on a disk has no reader, and
// stays as it is. After an error everything is as before.
func Aside(fd int) (*os.File, error) {
	kept, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, fmt.Errorf("duplicate descriptor %d: %w", fd, err)
	}
	if err := hasten(fd); err != nil {
		return nil, errors.Join(fmt.Errorf("make descriptor %d one that does not wait: %w", fd, err), unix.Close(kept))
	}
	// Of a socket, the duplicate does not wait, either. NewFile notices, and lets its
	// writers wait for the poller.
	return os.NewFile(uintptr(kept), "descriptor "+strconv.Itoa(fd)), nil
}

// hasten puts a file that does not wait in the place of a descriptor.
func hasten(fd int) error {
	var info unix.Stat_t
	if err := unix.Fstat(fd, &info); err != nil || info.Mode&unix.S_IFMT == unix.S_IFREG {
		return err
	}
	path := "/proc/self/fd/" + strconv.Itoa(fd)
	fresh, err := unix.Open(path, unix.O_WRONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENXIO) { // it is a socket
		return unix.SetNonblock(fd, true)
	}
	if err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	return errors.Join(unix.Dup3(fresh, fd, 0), unix.Close(fresh))
}
