package path

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/slabmap"
)

// ErrBacking means that the backing file cannot be used.
var ErrBacking = errors.New("backing file cannot be used")

// BackingFile is the local copy: a file or block device opened with O_DIRECT, so that the
// page cache takes no memory for it. A nil BackingFile can be closed and discarded.
type BackingFile struct {
	file   *os.File
	path   string
	size   int64     // of the device
	made   bool      // this process made the file
	disk   bool      // it is a block device
	claim  io.Closer // nil: none
	health health
}

// BackingConfig says which backing file a device wants.
type BackingConfig struct {
	Path string // of a file or a block device
	Size int64  // bytes, of the device
	// Sparse makes a file that takes room on its disk only when it is written. A full
	// disk then fails writes of the device.
	Sparse bool
	// Overwrite lets a file or disk be opened that seems to hold something.
	Overwrite bool
	// InMemory lets one be opened that is in memory. It is for measurements: in earnest the
	// device would then need memory to free memory.
	InMemory bool
	// Warn hears of what is wrong and not refused. nil: nobody listens.
	Warn func(string)
	// Progress hears how many bytes of a file that is made are allocated, of how many.
	// OpenBacking's goroutine calls it, up to a thousand times a second. nil: nobody
	// listens.
	Progress func(done, total int64)
}

// OpenBacking opens a backing file. It makes one that does not exist, readable by its owner
// only: the file will hold what was in memory. It allocates all of it, which takes long on
// some file systems, and ends early when ctx ends. A file that exists stays as it is; it must
// be this user's alone, and no link. A disk may be named by a link. Errors wrap ErrBacking, and
// leave nothing behind; ErrFull is among them if the disk is full, ErrShared, ErrInMemory or
// ErrContent if it must not be taken.
func OpenBacking(ctx context.Context, c BackingConfig) (*BackingFile, error) {
	b := &BackingFile{path: c.Path, size: c.Size}
	err := b.open(ctx, &c)
	if err != nil {
		return nil, fmt.Errorf("backing file %s: %w: %w", c.Path, ErrBacking, errors.Join(err, b.Discard()))
	}
	return b, nil
}

func (b *BackingFile) open(ctx context.Context, c *BackingConfig) error {
	flags := os.O_RDWR | unix.O_DIRECT | unix.O_NOFOLLOW
	info, err := os.Stat(b.path)
	if errors.Is(err, os.ErrNotExist) {
		flags |= os.O_CREATE | os.O_EXCL
		err = nil
	}
	switch {
	case err != nil:
		return err
	case info == nil:
	case info.IsDir():
		return errors.New("it is a folder: give a file or a block device")
	case info.Mode().Type() == os.ModeDevice: // not a character device
		b.disk = true
		flags |= os.O_EXCL // refused while mounted or used as swap
		flags &^= unix.O_NOFOLLOW
	case !info.Mode().IsRegular():
		return errors.New("it is neither a file nor a block device: give one of these")
	}
	b.file, err = os.OpenFile(b.path, flags, 0o600)
	if err != nil {
		return openAdvice(err)
	}
	b.made = flags&os.O_CREATE != 0
	if b.claim, err = Take(b.file, b.path, c.InMemory); err != nil {
		return err
	}
	if b.made {
		return b.makeFile(ctx, c)
	}
	have, err := b.file.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if have < c.Size {
		return fmt.Errorf("it has %d bytes, the device %d: enlarge it, or remove it to have it made", have, c.Size)
	}
	if err := b.markOwn(have, c); err != nil {
		return err
	}
	return b.checkRoom(c)
}

// makeFile gives the file that was made its size, and its room.
func (b *BackingFile) makeFile(ctx context.Context, c *BackingConfig) error {
	if err := b.mark(noMark, nil); err != nil {
		return err
	}
	if c.Sparse {
		return b.makeSparse(c)
	}
	return b.allocate(ctx, c)
}

func openAdvice(err error) error {
	switch {
	case errors.Is(err, unix.EINVAL):
		return errors.New("its file system has no O_DIRECT: use another one, or a block device")
	case errors.Is(err, unix.ELOOP):
		return fmt.Errorf("%w: it is a link: give the file itself", ErrShared)
	case errors.Is(err, unix.EBUSY):
		return errors.New("it is in use: unmount it, swap it off, or give another")
	case errors.Is(err, unix.EROFS), errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return fmt.Errorf("it cannot be written (%w): give one that can", err)
	}
	return err
}

// Made reports whether the file was made for this device, and goes with it.
func (b *BackingFile) Made() bool { return b != nil && b.made }

// FD is the descriptor of the open file.
func (b *BackingFile) FD() int32 { return int32(b.file.Fd()) }

// ReadPages reads pages from page on. buf is a multiple of the page size and begins on a
// page boundary. It waits for the disk, so it is not for a queue's thread; any other
// goroutine may call it.
func (b *BackingFile) ReadPages(buf []byte, page int64) error {
	_, err := b.file.ReadAt(buf, page*slabmap.PageSize)
	b.health.ended(reading, err == nil)
	return err
}

// WritePages writes pages from page on, and is otherwise like ReadPages.
func (b *BackingFile) WritePages(buf []byte, page int64) error {
	_, err := b.file.WriteAt(buf, page*slabmap.PageSize)
	b.health.ended(writing, err == nil)
	return err
}

// Close closes the file and leaves it as it is.
func (b *BackingFile) Close() error {
	if b == nil || b.file == nil {
		return nil
	}
	err := b.file.Close()
	if b.claim != nil {
		err = errors.Join(err, b.claim.Close())
	}
	return err
}

// Discard closes the file, and removes it if this process made it.
func (b *BackingFile) Discard() error {
	if b == nil {
		return nil
	}
	var err error
	if b.made {
		err = b.remove()
	}
	return errors.Join(err, b.Close())
}

// remove removes the file's name, if the name is still that of the file.
func (b *BackingFile) remove() error {
	opened, err := b.file.Stat()
	if err != nil {
		return err
	}
	if named, err := os.Lstat(b.path); err != nil || !os.SameFile(opened, named) {
		return nil
	}
	return os.Remove(b.path)
}
