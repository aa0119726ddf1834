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

// Lock is the exclusive right to a state folder. It ends with its process, however the process ends. A
// program that the process executes does not inherit it.
//
// It is a lock of the open file description (F_OFD_SETLK) and not a flock(2). Both live equally long, but
// a process can query this one without taking it, so that a listing never makes the start of a server
// fail.
type Lock struct {
	dir  string
	file *os.File
	used bool
}

// Acquire makes the state folder (mode 0700) if it does not exist, takes its lock and writes the process id
// into it. If another server holds the lock, the error is ErrStateInUse with the process id of that server.
func Acquire(dir string) (*Lock, error) {
	// A leaving server removes its folder with the lock file. A process that opened the file
	// before and locks it afterwards holds nothing. So the loop locks until it holds the file
	// that has the name.
	for {
		if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrRoot, err)
		}
		if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
			return nil, fmt.Errorf("make the state folder: %w", err)
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

// tryLock takes the lock of the file that has the name now. If the file does not have the name any more
// after that, tryLock holds nothing and returns false.
func tryLock(dir string) (*Lock, bool, error) {
	path := filepath.Join(dir, lockName)
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if errors.Is(err, os.ErrNotExist) { // another process has removed the folder
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("open the lock of the state folder: %w", err)
	}
	l := &Lock{dir: dir, file: file}
	request := unix.Flock_t{Type: unix.F_WRLCK}
	err = unix.FcntlFlock(file.Fd(), unix.F_OFD_SETLK, &request)
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
		pid := readPID(file)
		file.Close()
		return nil, false, fmt.Errorf("%w: process %[3]s holds %[2]s: stop that server or choose another id",
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
		return nil, false, fmt.Errorf("write the process id to %s: %w", path, err)
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

// Used reports whether another server had the folder before and died. The folder contains what that server
// left, and its device may still be in the kernel.
func (l *Lock) Used() bool { return l.used }

// Release gives up the lock and leaves the folder to the next server.
func (l *Lock) Release() error { return l.file.Close() }

// Remove deletes the state folder with its content and gives up the lock. A server calls it when it ends
// well.
func (l *Lock) Remove() error {
	// The lock file goes last. From then on another server may take the folder, and then it stays.
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

// Holder returns the process id in the lock file of a state folder (0 without one), and whether a process
// holds the lock.
func Holder(dir string) (pid int, alive bool, err error) {
	file, err := os.Open(filepath.Join(dir, lockName))
	if errors.Is(err, os.ErrNotExist) {
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
