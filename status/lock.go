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

// ErrStateInUse means that a living server holds the state folder.
var ErrStateInUse = errors.New("state folder in use")

// ErrRoot means that the folder above the state folders cannot be made.
var ErrRoot = errors.New("no root for state folders")

// Lock is the right to a state folder. It ends with the process that took it,
// however that ends. It is not inherited over exec.
//
// It is a lock of the open file description (F_OFD_SETLK) and not flock(2):
// both have the same life, but this one can be asked about without being
// taken, so that a listing never makes a server's start fail.
type Lock struct {
	dir  string
	file *os.File
	used bool
}

// Acquire makes the state folder where it does not exist (mode 0700), takes its
// lock and writes the process id into it. The error is ErrStateInUse, with the
// holder's process id, when another server lives.
func Acquire(dir string) (*Lock, error) {
	// A server that leaves removes its folder, lock file included. Whoever
	// opened that file before and gets its lock after holds nothing: the loop
	// takes the file that has the name.
	for {
		if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrRoot, err)
		}
		if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
			return nil, fmt.Errorf("make state folder: %w", err)
		}
		l, current, err := tryLock(dir)
		if err != nil {
			return nil, err
		}
		if current {
			return l, nil
		}
	}
}

// tryLock takes the lock of the file that is there now. It says false, and holds
// nothing, when that file no longer has its name afterwards.
func tryLock(dir string) (*Lock, bool, error) {
	path := filepath.Join(dir, lockName)
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if errors.Is(err, os.ErrNotExist) { // the folder went away in between
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("open lock of state folder: %w", err)
	}
	l := &Lock{dir: dir, file: file}
	request := unix.Flock_t{Type: unix.F_WRLCK}
	err = unix.FcntlFlock(file.Fd(), unix.F_OFD_SETLK, &request)
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
		pid := readPID(file)
		file.Close()
		return nil, false, fmt.Errorf("%w: %s is held by process %s; stop that server or choose another id",
			ErrStateInUse, dir, pidText(pid))
	}
	if err != nil {
		file.Close()
		return nil, false, fmt.Errorf("lock %s: %w", path, err)
	}
	if !hasName(file, path) {
		file.Close()
		return nil, false, nil
	}
	l.used = readPID(file) != 0
	if err := l.writePID(); err != nil {
		file.Close()
		return nil, false, fmt.Errorf("write process id to %s: %w", path, err)
	}
	return l, true, nil
}

func hasName(file *os.File, path string) bool {
	named, err := os.Stat(path)
	if err != nil {
		return false
	}
	opened, err := file.Stat()
	return err == nil && os.SameFile(named, opened)
}

// Dir is the locked state folder.
func (l *Lock) Dir() string { return l.dir }

// Used says whether another server had the folder and died: it holds what that
// one left, and its device may still be in the kernel.
func (l *Lock) Used() bool { return l.used }

// Release gives the lock up and leaves the folder for the next server.
func (l *Lock) Release() error { return l.file.Close() }

// Remove deletes the state folder with all that is in it and gives the lock up:
// nothing of a server that ended well is left behind.
func (l *Lock) Remove() error {
	// The lock's file goes last. From then on the folder is anybody's, and
	// stays when somebody has already taken it.
	entries, err := os.ReadDir(l.dir)
	for _, e := range entries {
		if e.Name() != lockName {
			err = errors.Join(err, os.RemoveAll(filepath.Join(l.dir, e.Name())))
		}
	}
	err = errors.Join(err, os.Remove(filepath.Join(l.dir, lockName)))
	rmErr := unix.Rmdir(l.dir)
	if !errors.Is(rmErr, unix.ENOTEMPTY) && !errors.Is(rmErr, unix.ENOENT) {
		err = errors.Join(err, rmErr)
	}
	return errors.Join(err, l.file.Close())
}

// Holder says who locked a state folder: the process id that its lock file
// names (0 when there is none) and whether the lock is held.
func Holder(dir string) (pid int, alive bool, err error) {
	file, err := os.Open(filepath.Join(dir, lockName))
	if errors.Is(err, os.ErrNotExist) {
		return 0, false, nil
	}
	if errors.Is(err, os.ErrPermission) {
		return 0, false, fmt.Errorf("look at lock of state folder: %w: run as the server's user, usually root", err)
	}
	if err != nil {
		return 0, false, fmt.Errorf("look at lock of state folder: %w", err)
	}
	defer file.Close()
	// A read lock is asked about, since the file is open for reading.
	request := unix.Flock_t{Type: unix.F_RDLCK}
	if err := unix.FcntlFlock(file.Fd(), unix.F_OFD_GETLK, &request); err != nil {
		return 0, false, fmt.Errorf("ask for lock of %s: %w", dir, err)
	}
	return readPID(file), request.Type != unix.F_UNLCK, nil
}

func (l *Lock) writePID() error {
	if err := l.file.Truncate(0); err != nil {
		return err
	}
	_, err := l.file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

func readPID(file *os.File) int {
	var buf [24]byte
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
