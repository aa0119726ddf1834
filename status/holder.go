package status

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Holder returns the process id in the lock file of a state folder (0 without one), and whether a process
// holds the lock.
func Holder(dir string) (pid int, alive bool, err error) {
	// A FIFO of that name must not stop a listing, and a link is no lock.
	file, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ELOOP) || errors.Is(err, unix.ENOTDIR) {
		return 0, false, nil
	}
	if errors.Is(err, os.ErrPermission) {
		return 0, false, fmt.Errorf("look at the lock of the state folder: %w: run as the server's user, usually root", err)
	}
	if err != nil {
		return 0, false, fmt.Errorf("look at the lock of the state folder: %w", err)
	}
	defer file.Close()
	// The query is for a read lock, since the file is open for reading only.
	request := unix.Flock_t{Type: unix.F_RDLCK}
	if err := unix.FcntlFlock(file.Fd(), unix.F_OFD_GETLK, &request); err != nil {
		return 0, false, fmt.Errorf("query the lock of %s: %w", dir, err)
	}
	return readPID(file), request.Type != unix.F_UNLCK, nil
}

// maxPIDFile is the most bytes of a lock file: a process id and a line end.
const maxPIDFile = 24

func readPID(file *os.File) int {
	var buf [maxPIDFile]byte
	n, _ := file.ReadAt(buf[:], 0)
	pid, err := strconv.Atoi(strings.TrimSpace(string(buf[:n])))
	if err != nil || pid < 0 {
		return 0
	}
	return pid
}

func pidText(pid int) string {
	if pid == 0 {
		return "(unknown)"
	}
	return strconv.Itoa(pid)
}

// isLock says whether a file has what a server writes to its lock: a process id, or nothing.
func isLock(file *os.File) bool {
	info, err := file.Stat()
	return err == nil && (info.Size() == 0 || info.Size() <= maxPIDFile && readPID(file) != 0)
}
