package path

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/internal/human"
	"github.com/farswap/farswap/offheap"
)

// ErrFull means that the file system of a new backing file has too little room for it.
var ErrFull = errors.New("its file system is full")

const (
	// allocateStep is allocated at a time: a file system that takes long for it still
	// notices a cancelled context within seconds.
	allocateStep = 1 << 30
	// fillStep is written at a time on a file system that cannot allocate.
	fillStep = 1 << 20
)

// allocate gives the file that was made its room on the disk, so that a full disk is met
// now and not when the device writes.
func (b *BackingFile) allocate(ctx context.Context, c *BackingConfig) error {
	free, err := freeBytes(b.file)
	if err != nil {
		return err
	}
	if free < c.Size {
		return full(c.Size, c.Size-free)
	}
	for done := int64(0); done < c.Size; {
		if err := context.Cause(ctx); err != nil {
			return fmt.Errorf("allocate %s of it: %w", human.Bytes(c.Size), err)
		}
		n := min(allocateStep, c.Size-done)
		switch err := unix.Fallocate(int(b.file.Fd()), 0, done, n); {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENOSYS):
			return b.fill(ctx, c)
		case err != nil:
			return refused(err, c.Size, done)
		}
		done += n
		c.tell(done)
	}
	return nil
}

// makeSparse gives the file that was made its size and no room. It warns if the disk has less.
func (b *BackingFile) makeSparse(c *BackingConfig) error {
	if err := b.file.Truncate(c.Size); err != nil {
		return err
	}
	return b.checkRoom(c)
}

// checkRoom warns of a file whose room its disk does not have any more: the device's writes fail
// then.
func (b *BackingFile) checkRoom(c *BackingConfig) error {
	if b.disk || c.Warn == nil {
		return nil
	}
	free, err := freeBytes(b.file)
	if err != nil {
		return err
	}
	var s unix.Stat_t
	if err := unix.Fstat(int(b.file.Fd()), &s); err != nil {
		return err
	}
	const statBlock = 512 // stat(2): st_blocks counts these
	if lacks := c.Size - s.Blocks*statBlock - free; lacks > 0 {
		c.Warn(fmt.Sprintf("backing file %s: its file system lacks %s of the %s that the device may write: writes will fail when it is full",
			b.path, human.Bytes(lacks), human.Bytes(c.Size)))
	}
	return nil
}

// fill allocates by writing zeros.
func (b *BackingFile) fill(ctx context.Context, c *BackingConfig) error {
	zeros, err := offheap.Map(fillStep, offheap.Options{Purpose: "zeros for the backing file"})
	if err != nil {
		return err
	}
	for done := int64(0); done < c.Size && err == nil; {
		if err = context.Cause(ctx); err != nil {
			err = fmt.Errorf("write %s of zeros to it: %w", human.Bytes(c.Size), err)
			break
		}
		var n int
		if n, err = b.file.WriteAt(zeros[:min(fillStep, c.Size-done)], done); err != nil {
			err = refused(err, c.Size, done)
		}
		done += int64(n)
		c.tell(done)
	}
	return errors.Join(err, offheap.Unmap(zeros))
}

// tell tells how far the allocation is, if anybody listens.
func (c *BackingConfig) tell(done int64) {
	if c.Progress != nil {
		c.Progress(done, c.Size)
	}
}

// freeBytes is what this process may still write to the file system of file.
func freeBytes(file *os.File) (int64, error) {
	var s unix.Statfs_t
	if err := unix.Fstatfs(int(file.Fd()), &s); err != nil {
		return 0, fmt.Errorf("free space of its file system: %w", err)
	}
	blocks, unit := s.Bavail, s.Frsize
	if os.Geteuid() == 0 {
		blocks = s.Bfree // with what is reserved for root
	}
	if unit == 0 { // file systems that do not say
		unit = s.Bsize
	}
	return int64(blocks) * unit, nil
}

// refused says why the file system gives no more room than done bytes.
func refused(err error, size, done int64) error {
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		return full(size, size-done)
	}
	return fmt.Errorf("allocate %s of it: %w", human.Bytes(size), err)
}

// full says how much a disk lacks.
func full(size, missing int64) error {
	return fmt.Errorf("it needs %s, and %s of that are missing: %w", human.Bytes(size), human.Bytes(missing), ErrFull)
}
