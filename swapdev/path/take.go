package path

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/internal/owned"
	"github.com/farswap/farswap/internal/signature"
	"github.com/farswap/farswap/internal/store"
	"github.com/farswap/farswap/offheap"
)

// Why a file or block device must not be taken. What is there is left as it was.
var (
	// ErrContent means that the file or disk seems to hold something that is not farswap's.
	ErrContent = errors.New("that would be overwritten")
	// ErrShared means that others may read or write it, or that another device uses it.
	ErrShared = errors.New("it must be this device's alone")
	// ErrInMemory means that it needs the memory that it is to free.
	ErrInMemory = errors.New("it is in memory itself")
)

// SwapLabel is the label of a swap area on a device of farswap. Its header is also at the
// start of the backing file.
const SwapLabel = "farswap"

// Take makes an open file or block device this process's alone, until the file and what Take
// returns are closed. It refuses one that others may use or that another device uses (ErrShared),
// and, without inMemory, one that is in memory itself (ErrInMemory). It reads and changes no
// content. path is for the errors.
func Take(f *os.File, path string, inMemory bool) (io.Closer, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	mine := owned.CheckFile
	if info.Mode().Type() == os.ModeDevice { // not a character device
		mine = owned.CheckDevice
	}
	if err := mine(f, path); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrShared, err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, fmt.Errorf("another device uses it: %w: give each device its own", ErrShared)
	}
	layers, err := store.Find(f, path)
	if err != nil {
		return nil, err
	}
	for _, l := range layers {
		if l.Memory && !inMemory {
			return nil, fmt.Errorf("%w (%s): give a file or a disk that takes no memory", ErrInMemory, l.Path)
		}
	}
	claim, err := store.Take(layers[1:]) // the first is locked already
	if err != nil {
		return nil, fmt.Errorf("%w: %w: give each device its own", ErrShared, err)
	}
	return claim, nil
}

// CheckContent returns ErrContent if a file or block device of size bytes, open for direct I/O,
// seems to hold something that was not put there through a device of farswap.
func CheckContent(f *os.File, size int64) (err error) {
	buf, err := offheap.Map(signature.BufferSize, offheap.Options{Purpose: "a look at what a file holds"})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, offheap.Unmap(buf)) }()
	return checkContent(f, size, buf)
}

// checkContent is CheckContent with a buffer of signature.BufferSize bytes.
func checkContent(f io.ReaderAt, size int64, buf []byte) error {
	kind, err := signature.Probe(f, size, buf)
	if err != nil {
		return fmt.Errorf("look at what it holds: %w", err)
	}
	if kind != "" && (kind != signature.SwapArea || signature.SwapLabel(buf) != SwapLabel) {
		return fmt.Errorf("it holds %s: %w", kind, ErrContent)
	}
	return nil
}
