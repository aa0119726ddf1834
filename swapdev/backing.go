package swapdev

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// backing is the local copy: a file or block device opened with O_DIRECT, so
// that the page cache takes no memory for it.
type backing struct {
	file *os.File
	path string
	made bool // this process made the file
}

// openBacking opens path for a device of size bytes. A file that does not
// exist is made, sparse, readable by its owner only: it will hold what was in
// memory. Errors wrap ErrBacking; nothing is left of them.
func openBacking(path string, size int64) (*backing, error) {
	b := &backing{path: path}
	err := b.open(size)
	if err != nil {
		return nil, fmt.Errorf("backing file %s: %w: %w", path, ErrBacking, errors.Join(err, b.discard()))
	}
	return b, nil
}

func (b *backing) open(size int64) error {
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

// fd is the open file.
func (b *backing) fd() int32 { return int32(b.file.Fd()) }

// close closes the file and leaves it where it is.
func (b *backing) close() error {
	if b == nil || b.file == nil {
		return nil
	}
	return b.file.Close()
}

// discard closes the file, and removes it if this process made it.
func (b *backing) discard() error {
	if b == nil {
		return nil
	}
	err := b.close()
	if b.made {
		err = errors.Join(err, os.Remove(b.path))
	}
	return err
}
