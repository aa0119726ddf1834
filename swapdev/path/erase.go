package path

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// ErrRemains means that the store cannot forget what was written to it.
var ErrRemains = errors.New("what was in memory stays in it")

// Erase forgets the pages of a device that has ended, as far as the store can, and closes it. A
// file that this process made is removed. A file that was there before keeps its size, and its
// room if it had all of it. Of a disk the device's part is discarded. The error wraps ErrRemains
// if the store can do nothing of that.
func (b *BackingFile) Erase() error {
	if b == nil || b.made {
		return b.Discard()
	}
	err := b.forget()
	if err != nil {
		err = fmt.Errorf("erase the backing file %s: %w: %w", b.path, ErrRemains, err)
	}
	return errors.Join(err, b.Close())
}

// forget makes the device's part read as zeros, or discards it.
func (b *BackingFile) forget() error {
	fd := int(b.file.Fd())
	ways := []uint32{unix.FALLOC_FL_PUNCH_HOLE | unix.FALLOC_FL_KEEP_SIZE, unix.FALLOC_FL_ZERO_RANGE | unix.FALLOC_FL_KEEP_SIZE}
	if !b.disk && b.full() {
		ways[0], ways[1] = ways[1], ways[0] // zeros keep the room of a file
	}
	var err error
	for _, way := range ways {
		if b.disk && way&unix.FALLOC_FL_ZERO_RANGE != 0 {
			continue // where the disk cannot, the kernel would write zeros for hours
		}
		if err = again(func() error { return unix.Fallocate(fd, way, 0, b.size) }); err == nil {
			return nil
		}
	}
	if b.disk {
		return discardRange(b.file, b.size)
	}
	return err
}

// full reports whether a file has all of its room on its disk.
func (b *BackingFile) full() bool {
	var s unix.Stat_t
	const statBlock = 512 // stat(2): st_blocks counts these
	return unix.Fstat(int(b.file.Fd()), &s) == nil && s.Blocks*statBlock >= b.size
}

// again repeats a call that a signal interrupted.
func again(call func() error) error {
	for {
		if err := call(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
