package owned

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Folder is an open folder. Names in it are single names, without a slash. A folder that is
// renamed or removed stays open until Close.
type Folder struct {
	file *os.File
	path string // when it was opened
	// readers is the group that may read what is in the folder, nobody for none; see [Root].
	readers int
}

// Path is the path under which the folder was opened.
func (d *Folder) Path() string { return d.path }

// Close closes the folder and leaves it where it is.
func (d *Folder) Close() error { return d.file.Close() }

// FD is the descriptor of the open folder.
func (d *Folder) FD() int { return int(d.file.Fd()) }

func (d *Folder) join(name string) string { return filepath.Join(d.path, name) }

// Open opens a private folder below this one. The group that may read what is in this one may
// read there as well. Errors are unix.ENOENT, if there is nothing of that name, or wrap ErrForeign,
// if it is a link or no folder, or if others may use it.
func (d *Folder) Open(name string) (*Folder, error) {
	path := d.join(name)
	f, err := openFolder(d.file, name, path)
	switch {
	case errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.ELOOP):
		return nil, foreign(path, "it is a link or no folder")
	case err != nil:
		return nil, fmt.Errorf("open the folder %s: %w", path, err)
	}
	s, err := stat(int(f.Fd()))
	if err == nil {
		err = d.check(path, &s)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &Folder{file: f, path: path, readers: d.readers}, nil
}

// Make makes a private folder below this one, and opens it. It fails with unix.EEXIST if
// there is something of that name.
func (d *Folder) Make(name string) (*Folder, error) {
	if err := unix.Mkdirat(d.FD(), name, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder %s: %w", d.join(name), err)
	}
	return d.Open(name)
}

// OpenFile opens a private regular file in the folder for reading and writing. flags may have
// unix.O_CREAT and unix.O_EXCL; a file that is made has mode 0600. Errors are as those of Open.
// It does not wait for a FIFO, and has no effect on a device.
func (d *Folder) OpenFile(name string, flags int) (*os.File, error) {
	path := d.join(name)
	fd, err := unix.Openat(d.FD(), name, unix.O_RDWR|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC|flags, 0o600)
	switch {
	case errors.Is(err, unix.ELOOP):
		return nil, foreign(path, "it is a link")
	case errors.Is(err, unix.EISDIR), errors.Is(err, unix.ENXIO):
		return nil, foreign(path, "it is not a regular file")
	case err != nil:
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	f := os.NewFile(uintptr(fd), path)
	if err := checkFile(f, path, d.check); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Names lists what is in the folder.
func (d *Folder) Names() ([]string, error) {
	again, err := openFolder(d.file, ".", d.path) // a descriptor is at its end after one listing
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", d.path, err)
	}
	defer again.Close()
	return again.Readdirnames(-1)
}

// Remove removes a file, or the link that has its name. Nothing of that name is no error.
func (d *Folder) Remove(name string) error { return d.unlink(name, 0) }

// RemoveFolder removes an empty folder. Nothing of that name is no error.
func (d *Folder) RemoveFolder(name string) error { return d.unlink(name, unix.AT_REMOVEDIR) }

func (d *Folder) unlink(name string, flags int) error {
	err := unix.Unlinkat(d.FD(), name, flags)
	if err == nil || errors.Is(err, unix.ENOENT) {
		return nil
	}
	return fmt.Errorf("remove %s: %w", d.join(name), err)
}

// Rename gives something in the folder another name there. It fails with unix.EEXIST or
// unix.ENOTEMPTY, and changes nothing, if that name is taken. On a file system that cannot
// tell, an empty folder of that name is replaced.
func (d *Folder) Rename(from, to string) error {
	err := unix.Renameat2(d.FD(), from, d.FD(), to, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) { // network file systems
		err = unix.Renameat(d.FD(), from, d.FD(), to)
	}
	if err != nil {
		return fmt.Errorf("rename %s to %s: %w", d.join(from), to, err)
	}
	return nil
}

// Replace gives something in the folder the name of another file there, which goes: whoever opens that
// name gets one of the two, whole.
func (d *Folder) Replace(from, to string) error {
	if err := unix.Renameat(d.FD(), from, d.FD(), to); err != nil {
		return fmt.Errorf("rename %s to %s: %w", d.join(from), to, err)
	}
	return nil
}

// Has reports whether a name in the folder is that of an open folder.
func (d *Folder) Has(name string, open *Folder) bool {
	var named unix.Stat_t
	if err := unix.Fstatat(d.FD(), name, &named, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return false
	}
	opened, err := stat(open.FD())
	return err == nil && named.Dev == opened.Dev && named.Ino == opened.Ino
}
