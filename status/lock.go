package status

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/internal/owned"
)

// ErrStateInUse means that a living server holds the state folder.
var ErrStateInUse = errors.New("state folder in use")

// ErrRoot means that the folder above the state folders cannot be made.
var ErrRoot = errors.New("no root for state folders")

// ErrForeign means that a state folder, or what is on the way to it, is not this program's own.
// Nothing was changed.
var ErrForeign = owned.ErrForeign

// Lock is the exclusive right to a state folder. It ends with its process, however the process ends. A
// program that the process executes does not inherit it.
//
// It is a lock of the open file description (F_OFD_SETLK) and not a flock(2). Both live equally long, but
// a process can query this one without taking it, so that a listing never makes the start of a server
// fail.
type Lock struct {
	root, folder *owned.Folder
	name         string // of folder in root
	file         *os.File
	used         bool
}

// Acquire makes the state folder if it does not exist, takes its lock and writes the process id
// into it. Its mode is 0700, or 0710 in a root that is shared with a group: a sticky folder to which that
// group may write and others may not. It follows no link. If another server holds the lock, the error is
// ErrStateInUse with the process id of that server. A folder that no server has made is ErrForeign, and so
// is one that others may use.
func Acquire(dir string) (*Lock, error) {
	root, err := owned.Root(filepath.Dir(dir))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRoot, err)
	}
	l := &Lock{root: root, name: filepath.Base(dir)}
	// A leaving server takes its folder away under this loop, and a starting one makes it. So the
	// loop goes on until it holds the lock of the folder that has the name.
	for taken := false; !taken; {
		if taken, err = l.take(); err != nil {
			return nil, errors.Join(err, l.close())
		}
	}
	return l, nil
}

// take takes the folder that is there, or makes one. It reports false, and has nothing open, if
// another process was faster.
func (l *Lock) take() (bool, error) {
	folder, err := l.root.Open(l.name)
	if errors.Is(err, unix.ENOENT) {
		return l.make()
	}
	if err != nil {
		return false, fmt.Errorf("state folder: %w", err)
	}
	l.folder = folder
	taken, err := l.lock()
	if !taken && err == nil {
		err = l.drop()
	}
	return taken, err
}

// lock takes the lock of the folder that is open.
func (l *Lock) lock() (bool, error) {
	file, err := l.folder.OpenFile(lockName, 0)
	if errors.Is(err, unix.ENOENT) {
		if !l.root.Has(l.name, l.folder) { // its server takes it away
			return false, nil
		}
		return false, fmt.Errorf("state folder %s: %w: it has no lock file, so no server made it: remove it, or choose another name or root",
			l.Dir(), ErrForeign)
	}
	if err != nil {
		return false, fmt.Errorf("lock of the state folder: %w", err)
	}
	l.file = file
	request := unix.Flock_t{Type: unix.F_WRLCK}
	err = unix.FcntlFlock(file.Fd(), unix.F_OFD_SETLK, &request)
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
		return false, fmt.Errorf("%w: process %[3]s holds %[2]s: stop that server or choose another id",
			ErrStateInUse, l.Dir(), pidText(readPID(file)))
	}
	if err != nil {
		return false, fmt.Errorf("lock %s: %w", file.Name(), err)
	}
	if !l.root.Has(l.name, l.folder) {
		return false, nil
	}
	if !isLock(file) {
		return false, fmt.Errorf("state folder %s: %w: its file %s is no lock of a server", l.Dir(), ErrForeign, lockName)
	}
	l.used = readPID(file) != 0
	if err := l.writePID(); err != nil {
		return false, fmt.Errorf("write the process id to %s: %w", file.Name(), err)
	}
	return true, l.folder.LetRead(file)
}

// make makes a folder with a lock in it, and then gives it its name: a folder of that name without
// a lock is never a server's.
func (l *Lock) make() (bool, error) {
	name := fmt.Sprintf(".new-%s-%d-%016x", l.name, os.Getpid(), rand.Uint64())
	folder, err := l.root.Make(name)
	if err != nil {
		return false, fmt.Errorf("make the state folder: %w", err)
	}
	l.folder = folder
	l.file, err = folder.OpenFile(lockName, unix.O_CREAT|unix.O_EXCL)
	if err == nil {
		request := unix.Flock_t{Type: unix.F_WRLCK}
		err = unix.FcntlFlock(l.file.Fd(), unix.F_OFD_SETLK, &request)
	}
	if err == nil {
		err = l.writePID()
	}
	if err == nil {
		err = folder.LetRead(l.file)
	}
	if err == nil {
		err = l.root.Rename(name, l.name)
	}
	if err == nil {
		return true, nil
	}
	undone := errors.Join(folder.Remove(lockName), l.root.RemoveFolder(name), l.drop())
	if errors.Is(err, unix.EEXIST) || errors.Is(err, unix.ENOTEMPTY) {
		return false, undone
	}
	return false, errors.Join(fmt.Errorf("make the state folder: %w", err), undone)
}

// drop closes the folder and its lock.
func (l *Lock) drop() (err error) {
	if l.file != nil {
		err = l.file.Close()
	}
	if l.folder != nil {
		err = errors.Join(err, l.folder.Close())
	}
	l.file, l.folder = nil, nil
	return err
}

func (l *Lock) close() error { return errors.Join(l.drop(), l.root.Close()) }

// Dir is the locked state folder.
func (l *Lock) Dir() string { return filepath.Join(l.root.Path(), l.name) }

// Used reports whether another server had the folder before and died. The folder contains what that server
// left, and its device may still be in the kernel.
func (l *Lock) Used() bool { return l.used }

// Release gives up the lock and leaves the folder to the next server.
func (l *Lock) Release() error { return l.close() }

// Remove deletes the state folder and gives up the lock. A server calls it when it ends well. A folder
// with files that no server makes keeps them, with a lock that says that no server has died.
func (l *Lock) Remove() error {
	names, err := l.folder.Names()
	if err != nil {
		return errors.Join(fmt.Errorf("state folder: %w", err), l.close())
	}
	err = l.folder.Remove(sockName)
	if slices.ContainsFunc(names, func(name string) bool { return name != lockName && name != sockName }) {
		return errors.Join(err, l.file.Truncate(0), l.close())
	}
	// The folder loses its name first. From then on another server may make one of that name.
	name := fmt.Sprintf(".old-%s-%d-%016x", l.name, os.Getpid(), rand.Uint64())
	if err := errors.Join(err, l.root.Rename(l.name, name)); err != nil {
		return errors.Join(err, l.close())
	}
	return errors.Join(l.folder.Remove(lockName), l.root.RemoveFolder(name), l.close())
}

func (l *Lock) writePID() error {
	if err := l.file.Truncate(0); err != nil {
		return err
	}
	_, err := l.file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}
