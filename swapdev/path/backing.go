package path

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// ErrBacking means that the backing file cannot be used.
var ErrBacking = errors.New("backing file cannot be used")

// BackingFile is the local copy: a file or block device opened with O_DIRECT, so that the
// page cache takes no memory for it. A nil BackingFile can be closed and discarded.
type BackingFile struct {
	file *os.File
	path string
	made bool // this process made the file
}

// OpenBacking opens path for a device of size bytes. It makes a file that does not exist,
// sparse and readable by its owner only: the file will hold what was in memory. Errors
// wrap ErrBacking, and leave nothing behind.
func OpenBacking(path string, size int64) (*BackingFile, error) {
	b := &BackingFile{path: path}
	err := b.open(size)
	if err != nil {
		return nil, fmt.Errorf("backing file %s: %w: %w", path, ErrBacking, errors.Join(err, b.Discard()))
	}
	return b, nil
}

func (b *BackingFile) open(size int64) error {
	flags := os.O_RDWR | unix.O_DIRECT
	info, err := os.Stat(b.path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		flags |= os.O_CREATE | os.O_EXCL
	case err != nil:
		return err
	case info.IsDir():
		return errors.New("it is a folder: give a file or a block device")
	case info.Mode()&os.ModeDevice != 0:
		flags |= os.O_EXCL // refused while mounted or used as swap
	}
	b.file, err = os.OpenFile(b.path, flags, 0o600)
	if err != nil {
		return openAdvice(err)
	}
	b.made = flags&os.O_CREATE != 0
	if err := unix.Flock(int(b.file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return errors.New("another device uses it: give each device its own")
	}
	if b.made {
		return b.file.Truncate(size)
	}
	have, err := b.file.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if have < size {
		return fmt.Errorf("it has %d bytes, the device %d: enlarge it, or remove it to have it made", have, size)
	}
	return nil
}

func openAdvice(err error) error {
	switch {
	case errors.Is(err, unix.EINVAL):
		return errors.New("its file system has no O_DIRECT: use another one, or a block device")
	case errors.Is(err, unix.EBUSY):
		return errors.New("it is in use: unmount it, swap it off, or give another")
	case errors.Is(err, unix.EROFS), errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return fmt.Errorf("it cannot be written (%w): give one that can", err)
	}
	return err
}

// FD is the descriptor of the open file.
func (b *BackingFile) FD() int32 { return int32(b.file.Fd()) }

// Close closes the file and leaves it where it is.
func (b *BackingFile) Close() error {
	if b == nil || b.file == nil {
		return nil
	}
	return b.file.Close()
}

// Discard closes the file, and removes it if this process made it.
func (b *BackingFile) Discard() error {
	if b == nil {
		return nil
	}
	err := b.Close()
	if b.made {
		err = errors.Join(err, os.Remove(b.path))
	}
	return err
}
